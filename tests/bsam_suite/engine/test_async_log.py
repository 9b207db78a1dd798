"""Values that are logged before the host knows them."""

import copy
import pickle

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub

from bsam_suite.engine.async_log import AsyncHistoryBuffer, log_async


def test_values_arrive_in_order_when_they_are_asked_for():
    hub = MessageHub("late")
    hub.update_scalar("a", 1.0)  # a plain buffer, as a checkpoint holds
    for value in (2.0, 3.0, 5.0):
        log_async(hub, "a", torch.tensor(value))
    log_async(hub, "b", torch.tensor(7.0))
    assert hub.get_scalar("a").mean(2) == 4.0 and hub.get_scalar("a").current() == 5.0
    assert [x.tolist() for x in hub.get_scalar("a").data] == [[1, 2, 3, 5], [1, 1, 1, 1]]
    assert hub.get_scalar("b").max() == 7.0
    log_async(hub, "b", torch.tensor(1.0))
    assert hub.get_scalar("b").min() == 1.0


def test_a_checkpoint_holds_plain_buffers():
    buffer = AsyncHistoryBuffer([1.0], [1])
    buffer.update(torch.tensor(2.0))
    buffer.update(4)
    for copied in (copy.deepcopy(buffer), pickle.loads(pickle.dumps(buffer))):
        assert type(copied) is HistoryBuffer
        assert np.array_equal(copied.data[0], [1, 2, 4])
    hub = MessageHub("stored")
    log_async(hub, "train/flatness", torch.tensor(3.0))
    other = MessageHub("other")
    other.load_state_dict(hub.state_dict())
    assert other.get_scalar("train/flatness").current() == 3.0


def test_waiting_values_are_few():
    buffer = AsyncHistoryBuffer()
    for value in torch.arange(1500.0):
        buffer.update(value)
    assert len(buffer._waiting) <= 1000 and buffer.mean() == 1499 / 2
