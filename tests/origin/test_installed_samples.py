"""The samples that come with the package are those of sample_streams/."""

from __future__ import annotations

import pytest

from engine.origin.samples import SAMPLES, sample_path


@pytest.mark.parametrize("name", SAMPLES)
def test_they_are_the_samples(name, sample):
    assert sample_path(name).read_bytes() == sample(name).read_bytes()
