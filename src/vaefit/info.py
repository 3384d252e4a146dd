"""What a run folder says about itself, read without JAX and without building the model."""

import math
from pathlib import Path
from typing import Any

from vaefit.data import Transform, transform_from_dict
from vaefit.errors import RunError, SettingsError
from vaefit.folder import PROGRESS, SETTINGS, TRANSFORM, WEIGHTS, read_history, read_json, read_settings
from vaefit.settings import Settings, options, plain

_BOUND = ("elbo", "rate", "distortion")


def describe(folder: str | Path) -> dict[str, Any]:
    """Everything `vaefit info` tells, ready for JSON.

    Raises:
        RunError: there is no run in the folder, it is damaged, or it was written by a newer vaefit.
    """
    folder = Path(folder).expanduser()
    saved = read_settings(folder)
    try:
        settings = Settings.of(**saved["settings"])
        parts = dict(settings.chosen())
        if "likelihood" not in parts:
            raise SettingsError("expected a likelihood, found it left open")
    except SettingsError as problem:
        raise RunError(f"{folder / SETTINGS} does not suit this vaefit: {problem}") from None
    transform = transform_from_dict(read_json(folder / TRANSFORM))
    source = saved.get("data", {})
    history = read_history(folder)
    return {
        "run": str(folder),
        "vaefit": saved.get("vaefit"),
        "data": {**_data(source, transform), "transform": transform.kind},
        "settings": {n: plain(v) for n, v in settings.given().items() if v != options()[n].default},
        "model": {
            **{kind: parts[kind] for kind in ("likelihood", "posterior", "prior", "network")},
            "latent_dim": settings.latent_dim,
            "encoder_layers": list(settings.encoder_layers),
            "decoder_layers": list(settings.decoder_layers),
            **_weights(folder / WEIGHTS),
        },
        **_epochs(history, settings),
        "resume": _resume(folder, source),
        "files": _files(folder),
    }


def text(about: dict[str, Any]) -> str:
    """A description for a person to read."""
    data, model, resume = about["data"], about["model"], about["resume"]
    rows = f"{data['rows']} training rows" if data["rows"] is not None else "rows of unknown number"
    held_out = f", {data['validation_rows']} validation rows" if data["validation_rows"] else ""
    shape = "x".join(map(str, data["shape"])) + (" pixels" if len(data["shape"]) > 1 else " columns")
    settings = ", ".join(f"{name}={_shown(value)}" for name, value in about["settings"].items())
    files = ", ".join(f"{name} {_size(size)}" for name, size in about["files"].items())
    entries = {
        "fitted to": f"{data['path']}: {rows}{held_out} of {shape} ({data['transform']})",
        "model": f"likelihood {model['likelihood']}, posterior {model['posterior']}, prior {model['prior']}, "
        f"{model['latent_dim']} latents",
        "networks": f"{model['network']}, encoder {_layers(model['encoder_layers'])}, decoder "
        f"{_layers(model['decoder_layers'])}; {model['parameters']:,} parameters",
        "settings": settings or "all as by default",
        "epochs": _epochs_line(about),
        "last": _bounds_line(about["last"]),
        "kept": _bounds_line(about["best"]),
        "resume": resume["how"] if resume["possible"] else f"not possible: {resume['why']}",
        "files": f"{files}; {_size(sum(about['files'].values()))} in all",
    }
    lines = [f"{name + ':':<11}{line}" for name, line in entries.items() if line]
    return "\n".join([about["run"], *lines])


def _data(source: dict[str, Any], transform: Transform) -> dict[str, Any]:
    return {
        "path": source.get("path", "unknown"),
        "rows": source.get("rows"),
        "validation_rows": source.get("validation_rows", 0),
        "shape": list(transform.shape),
    }


def _weights(path: Path) -> dict[str, int]:
    """Numbers of parameters, from the header of the weights file alone."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as stored:
            sizes = {name: math.prod(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118
    except OSError as problem:
        raise RunError(f"cannot read {path}: {problem.strerror or problem}") from None
    except (SafetensorError, ValueError) as problem:
        raise RunError(
            f"{path} is damaged or not a weights file ({problem}); restore it or fit again"
        ) from None
    of = {
        kind: sum(n for name, n in sizes.items() if name.startswith(kind)) for kind in ("encoder", "decoder")
    }
    return {
        "parameters": sum(sizes.values()),
        "encoder_parameters": of["encoder"],
        "decoder_parameters": of["decoder"],
    }


def _epochs(history: list[dict[str, Any]], settings: Settings) -> dict[str, Any]:
    last = history[-1] if history else None
    better = [r for r in history if r.get("best") and r.get("validation")]
    best = better[-1] if better else last
    seconds = [r["seconds"] for r in history if isinstance(r.get("seconds"), int | float)]
    return {
        "epochs": last["epoch"] if last else 0,
        "epochs_asked": settings.epochs,
        "best_epoch": best["epoch"] if best else None,
        "seconds": seconds[-1] if seconds else 0.0,
        "last": _bounds(last),
        "best": _bounds(best),
    }


def _bounds(record: dict[str, Any] | None) -> dict[str, Any] | None:
    if record is None:
        return None
    return {
        "epoch": record["epoch"],
        "train": _bound(record),
        "validation": _bound(record.get("validation")),
    }


def _bound(numbers: Any) -> dict[str, float] | None:
    given = numbers if isinstance(numbers, dict) else {}
    found = {k: given[k] for k in _BOUND if isinstance(given.get(k), int | float)}
    return found if len(found) == len(_BOUND) else None


def _resume(folder: Path, source: dict[str, Any]) -> dict[str, Any]:
    """Whether `vaefit fit --resume` can go on, from which epoch, and if not why."""
    path, epoch = str(source.get("path", "unknown")), 0
    try:
        epoch = _checkpoint(folder / PROGRESS)
        why = None if Path(path).exists() else f"the data, {path}, are not there"
    except RunError as problem:
        why = str(problem)
    if path == "array":
        why = "it was fitted to an array; vaefit.fitting.resume takes the same array as rows"
    how = None if why else f"vaefit fit --resume {folder} --epochs N (goes on after epoch {epoch})"
    return {"possible": why is None, "epoch": epoch, "why": why, "how": how}


def _checkpoint(path: Path) -> int:
    """The epoch of the checkpoint; 0 where there is none, and a resumed run begins again."""
    if not path.exists():
        return 0
    saved = read_json(path)
    arrays = path.with_name(Path(str(saved.get("arrays"))).name)
    epoch = saved["progress"].get("epoch") if isinstance(saved.get("progress"), dict) else None
    if not arrays.is_file() or not isinstance(epoch, int):
        raise RunError(f"the checkpoint, {path}, is damaged or {arrays.name} is not there")
    return epoch


def _files(folder: Path) -> dict[str, int]:
    """Bytes of every file of the folder, and of its folders in all."""
    found = {}
    for path in sorted(folder.iterdir()):
        inside = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
        found[path.name + "/" * path.is_dir()] = sum(p.stat().st_size for p in inside)
    return found


def _epochs_line(about: dict[str, Any]) -> str:
    kept = "" if about["best_epoch"] is None else f", kept epoch {about['best_epoch']}"
    return f"{about['epochs']} of {about['epochs_asked']} in {about['seconds']:.0f} s{kept}"


def _bounds_line(bounds: dict[str, Any] | None) -> str:
    if bounds is None:
        return ""
    parts = []
    for name in ("train", "validation"):
        if bounds[name]:
            parts.append(f"{name} " + " ".join(f"{k} {v:.2f}" for k, v in bounds[name].items()))
    return f"epoch {bounds['epoch']}: {'; '.join(parts)} (nats per datum)"


def _layers(layers: list[int]) -> str:
    return "-".join(map(str, layers)) or "none"


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _size(n: int) -> str:
    """Bytes for the eye.

    >>> _size(999), _size(1536), _size(3 * 2**20)
    ('999 B', '1.5 KiB', '3.0 MiB')
    """
    if n < 1000:
        return f"{n} B"
    return f"{n / 2**10:.1f} KiB" if n < 1000 * 2**10 else f"{n / 2**20:.1f} MiB"
