"""The LSTM with peepholes as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/peephole.py, the layers in lstmkit/torch/stack.py, the loop over time in
lstmkit/torch/recurrence.py; shapes and source stand in the twin.

Twin: lstmkit/numpy/peephole.py.
"""

from lstmkit.numpy import peephole as twin
from lstmkit.torch import stack

PeepholeLSTM = stack.variant("PeepholeLSTM", twin, forget_block=1)
