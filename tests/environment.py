"""What libraries read when they are imported, so that tests are quick on small things; imported first."""

import os
from pathlib import Path

_UNTOLD = {
    "JAX_COMPILATION_CACHE_DIR": str(Path(__file__).parents[1] / ".cache" / "jax"),
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    # Small models: compiling costs more than running; so no optimisation, and plain loops.
    "XLA_FLAGS": " ".join(
        (
            "--xla_backend_optimization_level=0",
            "--xla_llvm_disable_expensive_passes=true",
            "--xla_cpu_use_fusion_emitters=false",
            "--xla_cpu_parallel_codegen_split_count=1",
        )
    ),
    # On small matrices threads wait for each other, and tests run side by side.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}

for _name, _value in _UNTOLD.items():
    os.environ.setdefault(_name, _value)
