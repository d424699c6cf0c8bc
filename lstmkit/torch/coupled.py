"""The LSTM with coupled input and forget gates (CIFG) as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/coupled.py, the layers in lstmkit/torch/stack.py, the loop over time in
lstmkit/torch/recurrence.py; shapes and source stand in the twin.

Twin: lstmkit/numpy/coupled.py.
"""

from lstmkit.numpy import coupled as twin
from lstmkit.torch import stack

CoupledLSTM = stack.variant("CoupledLSTM", twin, forget_block=0)
