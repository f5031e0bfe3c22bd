"""All points, in their order."""

from benchmarks.reliability import (
    point_1_kills,
    point_2_damage,
    point_3_full_disk,
    point_4_signals,
    point_5_not_finite,
    point_6_writers,
    point_7_inputs,
    point_8_long_run,
    point_9_surroundings,
)

ALL = (
    point_1_kills.POINT,
    point_2_damage.POINT,
    point_3_full_disk.POINT,
    point_4_signals.POINT,
    point_5_not_finite.POINT,
    point_6_writers.POINT,
    point_7_inputs.POINT,
    point_8_long_run.POINT,
    point_9_surroundings.POINT,
)
