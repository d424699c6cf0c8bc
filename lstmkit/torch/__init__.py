"""The book's networks as torch modules, with torch.nn's signatures, on CPU and GPU."""

from lstmkit.torch.attention import AdditiveAttention, DotAttention, MultiplicativeAttention
from lstmkit.torch.convlstm import ConvLSTM
from lstmkit.torch.coupled import CoupledLSTM
from lstmkit.torch.encoder_decoder import EncoderDecoder
from lstmkit.torch.full_gate_recurrence import FullGateRecurrenceLSTM
from lstmkit.torch.gru import GRU
from lstmkit.torch.gru_reset_before import ResetBeforeGRU
from lstmkit.torch.layernorm import LayerNormLSTM
from lstmkit.torch.lstm import LSTM
from lstmkit.torch.lstm97 import LSTM97
from lstmkit.torch.mingru import MinGRU
from lstmkit.torch.minlstm import MinLSTM
from lstmkit.torch.mlstm import MLSTM
from lstmkit.torch.no_input_activation import NoInputActivationLSTM
from lstmkit.torch.no_input_gate import NoInputGateLSTM
from lstmkit.torch.no_output_activation import NoOutputActivationLSTM
from lstmkit.torch.no_output_gate import NoOutputGateLSTM
from lstmkit.torch.peephole import PeepholeLSTM
from lstmkit.torch.projection import ProjectionLSTM
from lstmkit.torch.regularise import LockedDropout, WeightDropout
from lstmkit.torch.rnn import RNN
from lstmkit.torch.slstm import SLSTM
from lstmkit.torch.tdnn import TDNN
from lstmkit.torch.transformer import TransformerBlock
from lstmkit.torch.zoneout import ZoneoutLSTM

__all__ = [
    "GRU",
    "LSTM",
    "LSTM97",
    "MLSTM",
    "RNN",
    "SLSTM",
    "TDNN",
    "AdditiveAttention",
    "ConvLSTM",
    "CoupledLSTM",
    "DotAttention",
    "EncoderDecoder",
    "FullGateRecurrenceLSTM",
    "LayerNormLSTM",
    "LockedDropout",
    "MinGRU",
    "MinLSTM",
    "MultiplicativeAttention",
    "NoInputActivationLSTM",
    "NoInputGateLSTM",
    "NoOutputActivationLSTM",
    "NoOutputGateLSTM",
    "PeepholeLSTM",
    "ProjectionLSTM",
    "ResetBeforeGRU",
    "TransformerBlock",
    "WeightDropout",
    "ZoneoutLSTM",
]
