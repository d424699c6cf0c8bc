"""The book's networks as torch modules, with torch.nn's signatures, on CPU and GPU."""

from lstmkit.torch.lstm import LSTM
from lstmkit.torch.rnn import RNN

__all__ = ["LSTM", "RNN"]
