"""ONNX files."""

import random
from pathlib import Path

import mutations as change
import numpy as np
import onnx
import onnx.helper as make

from bsam_suite.engine.checkpoint_config import config_of_checkpoint
from bsam_suite.onnx.session import Session
from readers.networks import CFG, INPUT
from readers.reader import Reader


def changed_onnx(content: bytes, rng: random.Random) -> bytes:
    """A network with one field of one of its messages changed."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:
        raise change.NotWhole from error
    messages = [model]
    for message in messages:  # grows
        for field, value in message.ListFields():
            if field.message_type is not None:
                messages += list(value) if _is_list(value) else [value]
    message = rng.choice(messages)
    fields = message.ListFields()
    if not fields:
        raise change.NotWhole
    field, value = rng.choice(fields)
    if _is_list(value):
        at, way = rng.randrange(len(value)), rng.randrange(3)
        one = value[at]
        if way == 0 or field.message_type is not None and way == 1:
            del value[at]
        elif field.message_type is not None:
            value.add().CopyFrom(one)
        elif way == 1:
            value.append(one)
        else:
            value[at] = _other(one, rng)
    elif field.message_type is not None or rng.random() < 0.2:
        message.ClearField(field.name)
    else:
        try:
            setattr(message, field.name, _other(value, rng))
        except (ValueError, TypeError) as error:  # not of this field
            raise change.NotWhole from error
    return model.SerializeToString()


def _is_list(value: object) -> bool:
    return hasattr(value, "append")


def _other(value: object, rng: random.Random) -> object:
    if isinstance(value, bytes):
        return change.changed_bytes(value or b"\0", rng)
    if isinstance(value, str):
        return rng.choice(
            [text for text in change.TEXTS if text.isascii()] + [value + "1", "Conv", "Loop"]
        )
    if isinstance(value, float):
        return rng.choice((0.0, -1.0, 1e30, float("nan"), -value))
    return rng.choice((0, 1, -1, 2, 3, 7, 2**16, 2**31 - 1, value + 1, value - 1))


def onnx_seeds(folder: Path) -> list[bytes]:
    floats, rng = onnx.TensorProto.FLOAT, np.random.default_rng(0)
    weights = {
        "w": rng.standard_normal((4, 3, 3, 3)).astype(np.float32),
        "s": np.float32([0.1]),
        "z": np.int8([0]),
        "m": rng.standard_normal((4, 3)).astype(np.float32),
    }
    nodes = [
        make.make_node("Conv", ["input", "w"], ["a"], kernel_shape=[3, 3]),
        make.make_node("QuantizeLinear", ["a", "s", "z"], ["q"], axis=0),
        make.make_node("DequantizeLinear", ["q", "s", "z"], ["d"], axis=0),
        make.make_node("Relu", ["d"], ["r"]),
        make.make_node("GlobalAveragePool", ["r"], ["g"]),
        make.make_node("Flatten", ["g"], ["f"], axis=1),
        make.make_node("MatMul", ["f", "m"], ["output"]),
    ]
    graph = make.make_graph(
        nodes,
        "net",
        [make.make_tensor_value_info("input", floats, ["N", 3, 5, 5])],
        [make.make_tensor_value_info("output", floats, ["N", 3])],
        [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    make.set_model_props(model, {"mmengine_config": CFG})
    return [model.SerializeToString()]


def read_onnx(path: Path) -> None:
    session = Session(path)
    if session.config is not None:
        config_of_checkpoint(dict(meta=dict(cfg=session.config)), str(path))
    session(INPUT)


ONNX = Reader(".onnx", onnx_seeds, changed_onnx, onnx.load_model_from_string, read_onnx)
