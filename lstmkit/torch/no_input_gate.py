"""The LSTM without an input gate as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/no_input_gate.py, the layers in lstmkit/torch/stack.py, the loop over time in
lstmkit/torch/recurrence.py; shapes and source stand in the twin.

Twin: lstmkit/numpy/no_input_gate.py.
"""

from lstmkit.numpy import no_input_gate as twin
from lstmkit.torch import stack

NoInputGateLSTM = stack.variant("NoInputGateLSTM", twin, forget_block=0)
