"""Folders as the host lists them; a stand-in for its module of this name."""

from __future__ import annotations

from pathlib import Path

models_dir = ""
folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {}
filename_list_cache: dict[str, list[str]] = {}
_base = Path()


def set_base(base: Path) -> None:
    """Where everything lies from now on."""
    global _base, models_dir
    _base, models_dir = base, str(base / "models")
    folder_names_and_paths.clear()
    folder_names_and_paths["upscale_models"] = ([str(base / "models" / "upscale_models")], {".pth", ".safetensors"})
    filename_list_cache.clear()


def add_model_folder_path(folder_name: str, full_folder_path: str, is_default: bool = False) -> None:
    paths, _ = folder_names_and_paths.setdefault(folder_name, ([], set()))
    if full_folder_path in paths:
        if not is_default:
            return
        paths.remove(full_folder_path)
    paths.insert(0 if is_default else len(paths), full_folder_path)


def get_folder_paths(folder_name: str) -> list[str]:
    return list(folder_names_and_paths[folder_name][0])


def get_filename_list(folder_name: str) -> list[str]:
    """Found anew whenever it is asked for; the host remembers for a while."""
    paths, suffixes = folder_names_and_paths[folder_name]
    found = {
        str(file.relative_to(path))
        for path in map(Path, paths)
        for file in path.rglob("*")
        if file.is_file() and (not suffixes or file.suffix.lower() in suffixes)
    }
    return sorted(found)


def get_full_path_or_raise(folder_name: str, filename: str) -> str:
    inside = Path(*(part for part in Path(filename).parts if part not in ("..", "/")))
    for folder in folder_names_and_paths[folder_name][0]:
        if (Path(folder) / inside).is_file():
            return str(Path(folder) / inside)
    raise FileNotFoundError(f"There is no {filename} among the {folder_name}.")


def get_input_directory() -> str:
    return str(_base / "input")


def get_output_directory() -> str:
    return str(_base / "output")


def get_temp_directory() -> str:
    return str(_base / "temp")


def get_save_image_path(filename_prefix: str, output_dir: str) -> tuple[str, str, int, str, str]:
    folder, name = (Path(output_dir) / filename_prefix).parent, Path(filename_prefix).name
    if not folder.resolve().is_relative_to(Path(output_dir).resolve()):
        raise Exception(f"{filename_prefix} leads out of {output_dir}.")
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [file.name.removeprefix(f"{name}_").split("_")[0] for file in folder.glob(f"{name}_*")]
    number = 1 + max((int(found) for found in numbers if found.isdigit()), default=0)
    return str(folder), name, number, str(Path(filename_prefix).parent), filename_prefix
