"""Multi-head attention with quantized projections."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bsam_suite.quantization.layers import QuantizedLayer


class MultiheadAttention(QuantizedLayer, nn.MultiheadAttention):
    """``nn.MultiheadAttention`` whose projections are quantized; attention itself stays float.

    ``nn.MultiheadAttention`` hands its weights to one function and never calls ``out_proj``, so
    that quantizing its child would change nothing. Here ``in_proj_weight`` is quantized as the
    weight of this layer, its inputs by one quantizer, and ``out_proj`` is a layer of its own.

    For query, key and value of one width, without ``add_bias_kv`` and ``add_zero_attn``.
    """

    weight_name = "in_proj_weight"

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As ``nn.MultiheadAttention``."""
        inputs = {id(x): x for x in (query, key, value)}  # self-attention rounds its input once
        rounded = {i: self.input_quantizer(x) for i, x in inputs.items()}
        weights = self.quantized_weight().chunk(3)
        biases = self.in_proj_bias.chunk(3) if self.in_proj_bias is not None else [None] * 3
        q, k, v = (
            self._heads(F.linear(rounded[id(x)], weight, bias))
            for x, weight, bias in zip((query, key, value), weights, biases)
        )
        mask = self._mask(attn_mask, key_padding_mask, q)
        dropout = self.dropout if self.training else 0.0
        attention = None
        if need_weights:
            scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
            attention = (scores if mask is None else scores + mask).softmax(-1)
            attention = F.dropout(attention, dropout)
            out = attention @ v
            attention = attention.mean(1) if average_attn_weights else attention
            attention = attention if query.ndim == 3 else attention.squeeze(0)
        else:
            out = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        out = out.transpose(1, 2).flatten(2)
        if query.ndim == 2:
            out = out.squeeze(0)
        elif not self.batch_first:
            out = out.transpose(0, 1)
        return self.out_proj(out), attention

    def _heads(self, x: Tensor) -> Tensor:
        """(batch, heads, tokens, head_dim) of (batch, tokens, width), or as batch_first says."""
        if x.ndim == 2:
            x = x.unsqueeze(0)
        elif not self.batch_first:
            x = x.transpose(0, 1)
        return x.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2)

    def _mask(self, attn_mask: Tensor | None, padding: Tensor | None, q: Tensor) -> Tensor | None:
        """Both masks as one that is added to the scores; True in a mask leaves a key out."""
        total = None
        if attn_mask is not None:
            total = _added(attn_mask, q)
            if total.ndim == 3:
                total = total.unflatten(0, (-1, self.num_heads))
        if padding is not None:
            padding = _added(padding, q).view(-1, 1, 1, padding.shape[-1])
            total = padding if total is None else total + padding
        return total


def _added(mask: Tensor, q: Tensor) -> Tensor:
    if mask.dtype != torch.bool:
        return mask.to(q.dtype)
    return torch.zeros_like(mask, dtype=q.dtype).masked_fill(mask, float("-inf"))
