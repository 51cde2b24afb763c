"""Tests of the runtime: numpy, pytest and the engines are all they need."""
