"""The LSTM of 1997, without a forget gate, as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/lstm97.py, the layers in lstmkit/torch/stack.py, the loop over time in
lstmkit/torch/recurrence.py; shapes and source stand in the twin.

Twin: lstmkit/numpy/lstm97.py.
"""

from lstmkit.numpy import lstm97 as twin
from lstmkit.torch import stack

LSTM97 = stack.variant("LSTM97", twin)
