"""One line for each file that is no JSON in UTF-8; MMPose's reader takes and refuses the same."""

import json

import pytest

from bsam_suite.compat.coco import COCO
from bsam_suite.errors import InputError
from bsam_suite.json_file import read_json

TEXT = json.dumps(dict(images=[dict(id=1, file_name="ü 日本.jpg")]), ensure_ascii=False)


@pytest.mark.parametrize("read", [read_json, lambda path: COCO(str(path)).dataset])
@pytest.mark.parametrize(
    "content, said",
    [
        (TEXT.encode("utf-8-sig"), "byte order mark .*: save it as UTF-8 without"),
        (TEXT.encode("utf-16"), "byte 0 is 0xff.*: save it as UTF-8 without"),
        (TEXT.encode("latin-1", "replace"), "byte 36 is 0xfc.*: save it as UTF-8 without"),
        (b"[" * 200_000, "nested too deeply"),
        (TEXT.encode()[:-3], "is not JSON"),
        (b"", "is not JSON"),
        (b"9" * 5000, "is not JSON"),
    ],
)
def test_what_is_no_json_in_utf_8(tmp_path, read, content, said):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as error:
        read(path)
    assert str(path) in str(error.value)
    path.write_bytes(TEXT.encode())
    assert read(path) == json.loads(TEXT)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="none.json does not exist"):
        read_json(tmp_path / "none.json")
    with pytest.raises(InputError, match=f"{tmp_path} cannot be read: Is a directory"):
        read_json(tmp_path)
