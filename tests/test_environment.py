"""Setting up: which Pythons can be used, what is pinned for them, and what a broken environment becomes."""

import importlib.util
import re
import subprocess
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

from tests.conftest import ROOT
