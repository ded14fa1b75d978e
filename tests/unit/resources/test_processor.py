"""What is told of the processor."""

import os

from fom_core.resources.processor import cores, processor_name


def test_a_processor_has_a_name_and_as_many_cores_as_this_process_may_use():
    assert processor_name().strip()
    assert 1 <= cores() <= (os.cpu_count() or 1)
