"""The sLSTM, an LSTM with exponential gating and a normaliser, as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/slstm.py, the layers in lstmkit/torch/stack.py, the loop over time in
lstmkit/torch/recurrence.py; shapes and source stand in the twin.  Without hx all starts from zero but m, which starts
from -∞.

Twin: lstmkit/numpy/slstm.py.
"""

from lstmkit.numpy import slstm as twin
from lstmkit.torch import stack

SLSTM = stack.variant("SLSTM", twin, forget_block=1)
