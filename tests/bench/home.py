"""A developer's home of any size, the same for the same seed, and a list of every credential planted in it.

Most of its files are what makes a real home slow to scan: published packages, git objects, build output, download caches. The
rest is sources, notes, logs, a few large archives, shell histories and the caches of command-line tools. Values are random and
belong to nobody.
"""

import base64
import json
import os
import random
import string
import zlib
from pathlib import Path

ALNUM = string.ascii_letters + string.digits
NAMES = (
    "alpha anchor batch bridge buffer cargo channel column cursor delta digest engine event factor filter frame gateway grid "
    "handle index journal kernel ledger layer matrix merge module node offset packet parser pixel queue random record reducer "
    "registry relay render router sample schema segment signal socket source stream string table thread timer tracker tuple "
    "unit vector widget window worker"
).split()

# Share of all files, where they lie, how they end, and whether they are text.
BULK = [
    (0.40, "work/{team}/{project}/node_modules/{name}-{n}/lib/{file}", [".js", ".mjs", ".d.ts", ".json", ".md", ".map"], True),
    (0.15, "work/{team}/{project}/.git/objects/{hex2}/{hex38}", [""], False),
    (0.08, "work/{team}/{project}/target/debug/deps/{file}-{hex16}", [".o", ".rmeta", ".d"], False),
    (0.08, "work/{team}/{project}/.venv/lib/python3.13/site-packages/{name}/{file}", [".py", ".pyi"], True),
    (0.08, ".cargo/registry/src/index/{name}-0.{n}.0/src/{file}", [".rs", ".toml"], True),
    (0.06, ".npm/_cacache/content-v2/sha512/{hex2}/{hex2}/{hex38}", [""], False),
    (0.05, "go/pkg/mod/example.test/{name}@v1.{n}.0/{file}", [".go"], True),
    (0.06, "work/{team}/{project}/src/{name}/{file}", [".rs", ".py", ".ts", ".go", ".yaml", ".toml"], True),
    (0.03, "Documents/{name}/{file}", [".md", ".txt", ".csv"], True),
    (0.01, ".local/state/{name}/{file}", [".log"], True),
]


class Home:
    """Writes the tree below `root`; `planted` tells what must be found."""

    def __init__(self, root: Path, files: int, seed: int = 4):
        self.root, self.files = str(root), files
        self.random = random.Random(seed)
        self.folders: set[str] = set()
        self.planted: list[dict] = []
        self.written = self.bytes = 0
        self.texts = [self._text() for _ in range(64)]
        self.noise = self.random.randbytes(1 << 20)

    def make(self) -> None:
        self._caches()
        self._histories()
        self._projects()
        self._hidden()
        weights = [share for share, *_ in BULK]
        while self.written < self.files:
            _, place, endings, is_text = self.random.choices(BULK, weights)[0]
            path = self._path(place) + self.random.choice(endings)
            self.put(path, self._content() if is_text else self._bytes())
        for number in range(3):
            self.put(f"Downloads/image-{number}.bin", self.noise * 32)
        manifest = {"files": self.written, "bytes": self.bytes, "planted": self.planted}
        Path(self.root + ".manifest.json").write_text(json.dumps(manifest))

    def put(self, path: str, content, mode: int = 0o644) -> None:
        full = os.path.join(self.root, path)
        folder = os.path.dirname(full)
        if folder not in self.folders:
            os.makedirs(folder, exist_ok=True)
            self.folders.add(folder)
        data = content.encode() if isinstance(content, str) else content
        handle = os.open(full, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        view = memoryview(data)
        while view:
            view = view[os.write(handle, view):]
        os.close(handle)
        self.written += 1
        self.bytes += len(data)

    def plant(self, path: str, value: str, deep: bool = False) -> str:
        self.planted.append({"path": path, "value": value, "deep": deep})
        return value

    def alnum(self, length: int) -> str:
        return "".join(self.random.choices(ALNUM, k=length))

    def hex(self, length: int) -> str:
        return self.random.randbytes((length + 1) // 2).hex()[:length]

    def github(self, prefix: str = "ghp_") -> str:
        """With the checksum GitHub ends its tokens with: CRC-32 in base 62."""
        body = self.alnum(30)
        rest, digits = zlib.crc32(body.encode()), ""
        while rest:
            rest, digit = divmod(rest, 62)
            digits = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[digit] + digits
        return prefix + body + digits.rjust(6, "0")

    def jwt(self, **claims) -> str:
        part = lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")
        header = part(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
        return f"{header}.{part(json.dumps(claims).encode())}.{part(self.random.randbytes(256))}"

    def _path(self, place: str) -> str:
        pick = self.random.choice
        return place.format(
            team=pick(NAMES[:8]), project=pick(NAMES[8:24]), name=pick(NAMES), n=self.random.randrange(40),
            file=f"{pick(NAMES)}{self.written}", hex2=self.hex(2), hex16=self.hex(16), hex38=self.hex(38),
        )

    def _text(self) -> bytes:
        pick = self.random.choice
        forms = [
            lambda: f"    let {pick(NAMES)} = {pick(NAMES)}.{pick(NAMES)}({self.random.randrange(999)});",
            lambda: f"// {' '.join(self.random.choices(NAMES, k=9))}",
            lambda: f'  "{pick(NAMES)}": "{pick(NAMES)}-{pick(NAMES)}",',
            lambda: f"def {pick(NAMES)}({pick(NAMES)}, {pick(NAMES)}=None):",
            lambda: "",
        ]
        return "\n".join(pick(forms)() for _ in range(160)).encode() + b"\n"

    def _content(self) -> bytes:
        text = self.random.choice(self.texts)
        size = min(int(self.random.paretovariate(1.1) * 900), 400_000)
        return (text * (size // len(text) + 1))[:size]

    def _bytes(self) -> bytes:
        size = min(int(self.random.paretovariate(1.2) * 300), 60_000)
        start = self.random.randrange(len(self.noise) - size)
        return b"\0" + self.noise[start:start + size]

    def _caches(self) -> None:
        path = ".aws/credentials"
        profiles = [
            f"[{name}]\naws_access_key_id = AKIA{''.join(self.random.choices('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', k=16))}\n"
            f"aws_secret_access_key = {self.plant(path, self.alnum(40))}\n"
            for name in ("default", "audit", "deploy")
        ]
        self.put(path, "\n".join(profiles), 0o600)
        path = ".config/gh/hosts.yml"
        self.put(path, f"github.com:\n    user: kim\n    oauth_token: {self.plant(path, self.github('gho_'))}\n    git_protocol: ssh\n", 0o600)
        path = ".kube/config"
        token = self.plant(path, self.jwt(iss="kubernetes/serviceaccount", sub="system:serviceaccount:default:ci"))
        self.put(path, f"apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: k, cluster: {{server: 'https://k.example.test'}}}}]\n"
                       f"contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\nusers: [{{name: u, user: {{token: {token}}}}}]\n", 0o600)
        path = ".git-credentials"
        self.put(path, f"https://kim:{self.plant(path, self.github())}@github.com\n", 0o600)
        path = ".vault-token"
        self.put(path, self.plant(path, "hvs." + self.alnum(90)), 0o600)
        path = ".pgpass"
        self.put(path, f"db.example.test:5432:shop:app:{self.plant(path, self.alnum(24))}\n", 0o600)

    def _histories(self) -> None:
        for path in (".bash_history", ".zsh_history"):
            lines = []
            for number in range(30_000):
                command = self.random.choice(["ls -l", "git pull", "make test", "cd ..", "kubectl get pods", "vim notes.md"])
                if number % 1_000 == 500:
                    command = f"export GITHUB_TOKEN={self.plant(path, self.github())}"
                lines.append(f"#{1_700_000_000 + number * 60}\n{command}" if path == ".bash_history" else f": {1_700_000_000 + number * 60}:0;{command}")
            self.put(path, "\n".join(lines) + "\n", 0o600)

    def _projects(self) -> None:
        for number in range(120):
            path = f"work/{NAMES[number % 8]}/{NAMES[8 + number % 16]}/service{number}/.env"
            self.put(path, f"PORT=8080\nDATABASE_URL=postgres://app:{self.plant(path, self.alnum(22))}@db.example.test/app\nDEBUG=${{DEBUG}}\n")

    def _hidden(self) -> None:
        """Tokens where no rule looks: only a search of every text finds them."""
        shapes = [
            self.github,
            lambda: "glpat-" + self.alnum(20),
            lambda: "hvs." + self.alnum(90),
            lambda: "npm_" + self.github("")[:36],
            lambda: "dckr_pat_" + self.alnum(27),
            lambda: "hf_" + "".join(self.random.choices(string.ascii_letters, k=34)),
            lambda: "xoxb-" + "-".join(["".join(self.random.choices(string.digits, k=12))] * 2 + [self.alnum(24)]),
        ]
        places = [place + endings[0] for _, place, endings, is_text in BULK if is_text]
        for number in range(140):
            path = self._path(self.random.choice(places))
            token = self.plant(path, shapes[number % len(shapes)](), deep=True)
            text = self._content()
            at = self.random.randrange(len(text)) if text else 0
            self.put(path, text[:at] + f'\nvalue = "{token}"\n'.encode() + text[at:])


def make(root: Path, files: int) -> dict:
    """The manifest of the home at `root`, which is made unless it is there."""
    manifest = Path(str(root) + ".manifest.json")
    if not manifest.exists():
        root.mkdir(parents=True)
        Home(root, files).make()
    return json.loads(manifest.read_text())
