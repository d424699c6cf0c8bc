"""The book's networks as torch modules, with torch.nn's signatures, on CPU and GPU."""

from lstmkit.torch.convlstm import ConvLSTM
from lstmkit.torch.coupled import CoupledLSTM
from lstmkit.torch.full_gate_recurrence import FullGateRecurrenceLSTM
from lstmkit.torch.gru import GRU
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.lstm97 import LSTM97
from lstmkit.torch.no_input_activation import NoInputActivationLSTM
from lstmkit.torch.no_input_gate import NoInputGateLSTM
from lstmkit.torch.no_output_activation import NoOutputActivationLSTM
from lstmkit.torch.no_output_gate import NoOutputGateLSTM
from lstmkit.torch.peephole import PeepholeLSTM
from lstmkit.torch.rnn import RNN

__all__ = [
    "GRU",
    "LSTM",
    "LSTM97",
    "RNN",
    "ConvLSTM",
    "CoupledLSTM",
    "FullGateRecurrenceLSTM",
    "NoInputActivationLSTM",
    "NoInputGateLSTM",
    "NoOutputActivationLSTM",
    "NoOutputGateLSTM",
    "PeepholeLSTM",
]
