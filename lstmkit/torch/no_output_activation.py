"""The LSTM whose cell state is not squashed on its way out as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/no_output_activation.py, the layers in lstmkit/torch/stack.py, the loop over time
in lstmkit/torch/recurrence.py; shapes and source stand in the twin.

Twin: lstmkit/numpy/no_output_activation.py.
"""

from lstmkit.numpy import no_output_activation as twin
from lstmkit.torch import stack

NoOutputActivationLSTM = stack.variant("NoOutputActivationLSTM", twin, forget_block=1)
