"""What a user's own module may have: the code of a layer, named to the export."""


def double(values):
    return values * 2
