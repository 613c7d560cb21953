"""What PyTorch's functions are called, whichever of their many forms a network uses, and what kind they are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

from torch.overrides import resolve_name


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Reading these of a tensor is not using its numbers.
METADATA = _names(
    """
    shape size dim ndim dtype device layout is_nested numel nelement len is_floating_point is_complex stride
    storage_offset requires_grad grad_fn is_leaf is_cuda is_cpu is_meta is_mps is_xpu is_sparse is_sparse_csr
    is_quantized is_mkldnn is_contiguous get_device element_size itemsize names is_inference is_conj is_neg
    is_shared is_pinned output_nr is_same_size is_nonzero_size _version set_grad_enabled has_names data_ptr
    retains_grad register_hook requires_grad_ _is_view is_signed result_type can_cast sym_size sym_numel
    """
)

# Numbers are moved, copied or dropped, never changed.
MOVING = _names(
    """
    view reshape flatten permute transpose swapaxes swapdims movedim moveaxis unsqueeze squeeze contiguous clone to
    float double t T mT view_as reshape_as unflatten type type_as alias adjoint H mH _to_copy atleast_2d atleast_3d
    ravel numpy_T dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout identity lift_fresh
    """
)

# Linear in what depends on the input, so long as only one argument does.
LINEAR = MOVING | _names(
    """
    linear conv1d conv2d conv3d convolution conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc add sub rsub
    subtract neg negative positive radd iadd isub cat concat concatenate stack hstack vstack dstack column_stack
    chunk split split_with_sizes tensor_split unbind narrow getitem setitem select index_select index_add gather
    take_along_dim take slice expand expand_as repeat repeat_interleave tile broadcast_to broadcast_tensors sum mean
    nanmean cumsum pad constant_pad_nd avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
    adaptive_avg_pool3d batch_norm flip fliplr flipud roll rot90 unfold fold interpolate upsample pixel_shuffle
    pixel_unshuffle channel_shuffle native_channel_shuffle diff tril triu diagonal diag diag_embed trace copy
    fill_diagonal masked_fill masked_select zeros_like ones_like empty_like full_like new_zeros new_ones new_empty
    new_full new_tensor rand_like randn_like fft rfft irfft ifft fft2 rfft2 real imag view_as_real view_as_complex
    stft istft bernoulli scatter_add index_fill sparse_mm trapezoid trapz detach_copy _assert _assert_async half
    bfloat16
    """
)

# Linear in each of several arguments: a rule where two of them depend on the input, linear otherwise.
PRODUCTS = _names(
    """
    mul multiply rmul imul matmul rmatmul mm bmm mv dot inner outer ger vdot einsum tensordot baddbmm addbmm addmm
    addmv bilinear kron chain_matmul multi_dot linear conv1d conv2d conv3d
    """
)

RECURRENT = _names(
    """
    lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell
    """
)

# Their derivative is not that of what they do: a jump has none.
JUMPING = _names(
    """
    sign sgn floor ceil round trunc frac fix heaviside gt ge lt le eq ne greater greater_equal less less_equal
    not_equal logical_not logical_and logical_or logical_xor isnan isinf isfinite argmax argmin argsort hardshrink
    threshold detach bool int long any all item as_float as_int as_bool as_index tolist numpy nonzero count_nonzero
    bucketize searchsorted one_hot fmod remainder floor_divide float_power_index signbit
    """
)

_DUNDERS = {
    "__float__": "as_float", "__int__": "as_int", "__bool__": "as_bool", "__index__": "as_index",
    "truediv": "div", "itruediv": "div", "idiv": "div", "rtruediv": "rdiv", "rdiv": "rdiv", "true_divide": "div",
    "divide": "div", "ipow": "pow", "len": "len", "subtract": "sub", "multiply": "mul", "imul": "mul", "rmul": "mul",
    "absolute": "abs", "clip": "clamp", "arctan": "atan", "arcsinh": "asinh", "arctanh": "atanh", "arcsin": "asin",
    "_softmax": "softmax", "_log_softmax": "log_softmax", "special_expit": "sigmoid", "relu6": "relu6",
    "linalg_norm": "norm", "linalg_vector_norm": "norm",
    "vector_norm": "norm", "rmatmul": "rmatmul",
}  # fmt: skip


# What is asked of single numbers, or of all numbers of a tensor, before something is decided on the answer.
GATHERING = _names("any all")
DECIDING = GATHERING | _names("item as_float as_int as_bool as_index gt ge lt le eq ne")


@cache
def name_of(function: Callable[..., Any]) -> tuple[str, bool]:
    """The plain name of a function (relu for F.relu, Tensor.relu_ and aten::relu), and whether it works in place."""
    full = resolve_name(function) or getattr(function, "__name__", "") or repr(function)
    parts = full.split(".")
    if parts[0] in ("aten", "prims") and len(parts) > 1:
        name = parts[1]
    elif parts[-1] in ("__get__", "__set__"):
        name = parts[-2]
    else:
        name = parts[-1]
    in_place = name.endswith("_") and not name.endswith("__")
    if name in _DUNDERS:
        return _DUNDERS[name], False
    if name.startswith("__") and name.endswith("__"):
        name = name[2:-2]
        in_place = name.startswith("i") and name[1:] in {"add", "sub", "mul", "truediv", "pow"}
    name = name[:-1] if in_place and name.endswith("_") else name
    return _DUNDERS.get(name, name), in_place


@cache
def opened(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """A function of PyTorch that is written in Python, in a form whose inner calls are seen; None for any other.

    Such functions begin by handing themselves to the mode that watches; the copy does not.
    """
    if not isinstance(function, FunctionType) or "handle_torch_function" not in function.__globals__:
        return None
    unseen = {name: _no for name in function.__globals__ if name.startswith("has_torch_function")}
    copy = FunctionType(
        function.__code__,
        {**function.__globals__, **unseen},
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _no(*_: object) -> bool:
    return False
