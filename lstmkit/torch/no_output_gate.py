"""The LSTM without an output gate as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/no_output_gate.py, the layers in lstmkit/torch/stack.py, the loop over time in
lstmkit/torch/recurrence.py; shapes and source stand in the twin.

Twin: lstmkit/numpy/no_output_gate.py.
"""

from lstmkit.numpy import no_output_gate as twin
from lstmkit.torch import stack

NoOutputGateLSTM = stack.variant("NoOutputGateLSTM", twin, forget_block=1)
