"""Limit BLAS and OpenMP to one thread. Import this before NumPy, whose import fixes the size of the thread pools.

A serving process answers one request at a time per worker thread. A pool as large as the number of cores would make each prediction
compete with itself, and make the stacks of a comparison unequal.
"""

import os

POOL_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)

for _name in POOL_VARIABLES:
    os.environ[_name] = "1"
