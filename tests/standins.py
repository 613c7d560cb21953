"""What anndata and xarray give, where they are not installed: as much of it as eigrad reads and writes, as strict."""

import copy
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy as np
import pandas as pd


class Axis(dict):
    """Arrays or tables by name, whose first axes have the lengths they must have."""

    def __init__(self, index: tuple[pd.Index, ...]) -> None:
        super().__init__()
        self.index = index

    def __setitem__(self, name, values):
        assert values.shape[: len(self.index)] == tuple(len(index) for index in self.index)
        if isinstance(values, pd.DataFrame):
            assert values.index.equals(self.index[0])
        super().__setitem__(name, values)


class AnnData:
    """A table of cells and genes with what is known of each."""

    def __init__(self, X=None, obs=None, var=None) -> None:
        self.X = X
        self.obs = pd.DataFrame(index=range(X.shape[0])) if obs is None else obs
        self.var = pd.DataFrame(index=range(X.shape[1])) if var is None else var
        assert X.shape == (len(self.obs), len(self.var))
        self.layers = Axis((self.obs.index, self.var.index))
        self.varm = Axis((self.var.index,))
        self.uns = {}

    @property
    def var_names(self):
        return self.var.index

    def copy(self):
        return copy.deepcopy(self)


class Dataset:
    """Arrays with named axes, each name of one length."""

    def __init__(self, data_vars, coords, attrs) -> None:
        self.sizes = {}
        for dims, values in [*data_vars.values(), *coords.values()]:
            assert not isinstance(values, pd.MultiIndex)
            values = np.asarray(values)
            assert len(dims if isinstance(dims, tuple) else (dims,)) == values.ndim
            for dim, size in zip(dims if isinstance(dims, tuple) else (dims,), values.shape, strict=True):
                assert self.sizes.setdefault(dim, size) == size
        self.variables, self.coords, self.attrs = data_vars, coords, attrs

    def __getitem__(self, name):
        return self.variables[name][1]


def module(name: str, **content) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(content, __spec__=ModuleSpec(name, None))
    return made


anndata = module("anndata", AnnData=AnnData)
xarray = module("xarray", Dataset=Dataset)
