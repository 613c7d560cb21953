"""Enhanced integrated gradients with the interface of Captum's attribution classes."""

from eigrad.captum.method import EnhancedIntegratedGradients

__all__ = ["EnhancedIntegratedGradients"]
