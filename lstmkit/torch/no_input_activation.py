"""The LSTM whose candidate is not squashed as a torch module, with the arguments of torch.nn.LSTM.

The equations stand in lstmkit/cells/no_input_activation.py, the layers in lstmkit/torch/stack.py, the loop over time in
lstmkit/torch/recurrence.py; shapes and source stand in the twin.

Twin: lstmkit/numpy/no_input_activation.py.
"""

from lstmkit.numpy import no_input_activation as twin
from lstmkit.torch import stack

NoInputActivationLSTM = stack.variant("NoInputActivationLSTM", twin, forget_block=1)
