"""The tiny models the tests run; make.py made them."""
