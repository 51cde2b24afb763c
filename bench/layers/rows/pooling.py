"""Rows of the layers that pool, up-sample, pad, crop and resize."""

from bench.layers.row import Row, Values, layer

LINE, PLANE, SPACE = Values((12, 4)), Values((9, 10, 4)), Values((6, 7, 8, 4))
LINE_FIRST, PLANE_FIRST, SPACE_FIRST = Values((4, 12)), Values((4, 9, 10)), Values((4, 6, 7, 8))
OPEN = Values((None, None, 3))


def _pooling(kind: str) -> list[Row]:
    one, two, three = (f"{kind}Pooling{rank}D" for rank in (1, 2, 3))
    return [
        layer(one, LINE, pool_size=2),
        layer(one, LINE, pool_size=3, strides=2, padding="same"),
        layer(one, LINE_FIRST, pool_size=2, data_format="channels_first"),
        layer(two, PLANE, pool_size=2),
        layer(two, PLANE, pool_size=3, strides=2, padding="same"),
        layer(two, PLANE_FIRST, pool_size=2, data_format="channels_first"),
        layer(three, SPACE, pool_size=2),
        layer(three, SPACE, pool_size=3, strides=2, padding="same"),
        layer(three, SPACE, pool_size=(1, 2, 3), strides=1),
        layer(three, SPACE_FIRST, pool_size=2, data_format="channels_first"),
        layer(f"Global{one}", LINE),
        layer(f"Global{two}", PLANE, keepdims=True),
        layer(f"Global{two}", PLANE_FIRST, data_format="channels_first"),
        layer(f"Global{two}", OPEN),
        layer(f"Global{three}", SPACE),
        layer(f"Adaptive{one}", LINE, output_size=5),
        layer(f"Adaptive{two}", PLANE, output_size=(4, 5)),
        layer(f"Adaptive{two}", PLANE_FIRST, output_size=3, data_format="channels_first"),
        layer(f"Adaptive{three}", SPACE, output_size=(3, 4, 3)),
    ]


ROWS = (
    *_pooling("Max"),
    *_pooling("Average"),
    layer("UpSampling1D", LINE, size=2),
    layer("UpSampling2D", PLANE, size=(2, 3)),
    layer("UpSampling2D", PLANE, size=2, interpolation="bilinear"),
    layer("UpSampling2D", PLANE, size=2, interpolation="bicubic"),
    layer("UpSampling2D", PLANE_FIRST, size=2, data_format="channels_first"),
    layer("UpSampling2D", OPEN, size=2),
    layer("UpSampling3D", SPACE, size=(2, 1, 2)),
    layer("ZeroPadding1D", LINE, padding=(1, 2)),
    layer("ZeroPadding2D", PLANE, padding=((1, 0), (2, 1))),
    layer("ZeroPadding2D", PLANE_FIRST, padding=1, data_format="channels_first"),
    layer("ZeroPadding3D", SPACE, padding=1),
    layer("Cropping1D", LINE, cropping=(1, 2)),
    layer("Cropping2D", PLANE, cropping=((1, 0), (2, 1))),
    layer("Cropping2D", PLANE_FIRST, cropping=1, data_format="channels_first"),
    layer("Cropping3D", SPACE, cropping=1),
)
