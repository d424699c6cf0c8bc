"""lstmkit: LSTM networks as the book writes them, in NumPy and in PyTorch.

``lstmkit.cells`` holds the equations, once; ``lstmkit.numpy`` and ``lstmkit.torch`` run them over time.
Importing ``lstmkit`` or ``lstmkit.numpy`` never imports torch.
"""

__version__ = "0.1.0"
