"""Queues an exported workflow once for every picture of a folder, in a ComfyUI that runs, and fetches the results.

    python queue_folder.py EXPORT.json PICTURES --output RESULTS

EXPORT.json is what ComfyUI writes with Workflow → Export (API). Its Load Image node gets one picture after the other;
where there are several such nodes, --node says which, by its title or number. Results are named after the picture.
Those that are there are left alone, so a second call goes on where the first stopped. Needs nothing but Python.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path
from typing import Any

PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif"}
LOADER = "LoadImage"
WAIT_S = 0.5
Prompt = dict[str, dict[str, Any]]


class Trouble(Exception):
    """What went wrong, in a line."""


class ComfyUI:
    """A running ComfyUI. Proxies are passed by: it is on this machine, or near."""

    def __init__(self, address: str) -> None:
        self.address = address if "://" in address else f"http://{address}"
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def fetch(self, path: str, body: bytes | None = None, kind: str = "application/json") -> bytes:
        """What stands at an address, or the answer to a POST. Raises Trouble."""
        request = urllib.request.Request(self.address + path, body, {"Content-Type": kind} if body else {})
        try:
            with self._open(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise Trouble(f"ComfyUI refused it ({error.code}): {reason(error.read())}") from error
        except OSError as error:
            raise Trouble(f"No ComfyUI answers at {self.address}: {error}. Start it, or give --server.") from error

    def upload(self, picture: Path) -> str:
        """Put a picture into ComfyUI's input folder, and give the name that Load Image knows it by."""
        border, folder = uuid.uuid4().hex, "queued"
        fields = {"subfolder": folder, "overwrite": "true", "type": "input"}
        parts = [f'--{border}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
        name = f"{uuid.uuid4().hex}{picture.suffix.lower()}"  # whatever letters the picture's own has
        head = f'--{border}\r\nContent-Disposition: form-data; name="image"; filename="{name}"\r\n\r\n'
        body = "".join([*parts, head]).encode() + picture.read_bytes() + f"\r\n--{border}--\r\n".encode()
        told = json.loads(self.fetch("/upload/image", body, f"multipart/form-data; boundary={border}"))
        return f"{told['subfolder']}/{told['name']}" if told.get("subfolder") else told["name"]

    def run(self, prompt: Prompt) -> list[dict[str, str]]:
        """Queue a prompt and wait for it: the files that it saved."""
        number = json.loads(self.fetch("/prompt", json.dumps({"prompt": prompt}).encode()))["prompt_id"]
        while not (entry := json.loads(self.fetch(f"/history/{number}")).get(number)):
            time.sleep(WAIT_S)
        for what, told in entry["status"]["messages"]:
            if what == "execution_error":
                raise Trouble(f"{told['node_type']}: {told['exception_message'].strip()}")
            if what == "execution_interrupted":
                raise Trouble("It was cancelled.")
        shown = [file for output in entry["outputs"].values() for files in output.values() for file in listed(files)]
        return [file for file in shown if file.get("type") == "output"]

    def save(self, file: dict[str, str], target: Path) -> None:
        """Fetch a saved file; it appears under its name only when it is complete."""
        place = urllib.parse.urlencode({name: file.get(name, "") for name in ("filename", "subfolder", "type")})
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(self.fetch(f"/view?{place}"))
        part.replace(target)


def listed(files: Any) -> list[dict[str, str]]:
    """The files among what a node shows."""
    return [file for file in files if isinstance(file, dict) and "filename" in file] if isinstance(files, list) else []


def reason(answer: bytes) -> str:
    """What an answer of ComfyUI says of a prompt that it does not take."""
    try:
        told = json.loads(answer)
        errors = [
            error["details"] or error["message"] for node in told["node_errors"].values() for error in node["errors"]
        ]
        return "; ".join([told["error"]["message"], *errors])
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.decode("utf-8", "replace")[:200]


def read_prompt(path: Path) -> Prompt:
    """An API export. Raises Trouble for other files."""
    try:
        prompt = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Trouble(f"{path} cannot be read: {error}") from error
    if not isinstance(prompt, dict) or not all(isinstance(n, dict) and "class_type" in n for n in prompt.values()):
        raise Trouble(f"{path} is no API export. In ComfyUI: Workflow → Export (API).")
    return prompt


def loader_of(prompt: Prompt, wanted: str | None) -> str:
    """The number of the node that gets the pictures. Raises Trouble where that is not clear."""
    titles = {number: node.get("_meta", {}).get("title", node["class_type"]) for number, node in prompt.items()}
    found = [number for number, node in prompt.items() if node["class_type"] == LOADER]
    if wanted is not None:
        found = [number for number in found if wanted in (number, titles[number])]
    if len(found) != 1:
        names = ", ".join(f"{number} ({titles[number]})" for number in found) or "none"
        raise Trouble(f"Wanted one Load Image node, found {names}. Say which with --node.")
    return found[0]


def main(argv: list[str] | None = None) -> int:
    """Queue all pictures; 0 if each gave a result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("export", type=Path, metavar="EXPORT.json", help="a workflow as its API export")
    parser.add_argument("pictures", type=Path, metavar="PICTURES", help="a folder of pictures")
    parser.add_argument(
        "--output", type=Path, default=Path("queued"), metavar="FOLDER", help="results (default: queued)"
    )
    parser.add_argument("--node", metavar="TITLE", help="title or number of the Load Image node that gets the pictures")
    parser.add_argument("--server", default="127.0.0.1:8188", help="ComfyUI's address (default: 127.0.0.1:8188)")
    args = parser.parse_args(argv)
    try:
        prompt = read_prompt(args.export)
        loader = loader_of(prompt, args.node)
        pictures = sorted(path for path in args.pictures.iterdir() if path.suffix.lower() in PICTURES)
        if not pictures:
            raise Trouble(f"{args.pictures} holds no picture.")
        args.output.mkdir(parents=True, exist_ok=True)
        return queue(ComfyUI(args.server), prompt, loader, pictures, args.output)
    except (Trouble, OSError) as error:
        print(error, file=sys.stderr)
        return 1


def queue(server: ComfyUI, prompt: Prompt, loader: str, pictures: list[Path], output: Path) -> int:
    """One picture after the other; a failure is told, and the others go on."""
    failed = 0
    for count, picture in enumerate(pictures, 1):
        before = f"{count}/{len(pictures)} {picture.name}"
        if there := sorted(output.glob(f"{picture.name}_*")):
            print(f"{before}: {there[0].name} is there already", file=sys.stderr)
            continue
        try:
            filled = copy.deepcopy(prompt)
            filled[loader]["inputs"]["image"] = server.upload(picture)
            files = server.run(filled)
            for file in files:
                server.save(file, output / f"{picture.name}_{file['filename']}")
                print(output / f"{picture.name}_{file['filename']}")
            if not files:
                raise Trouble("The workflow saved no file. Add a node that saves, such as Save Video.")
        except Trouble as trouble:
            print(f"{before}: {trouble}", file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
