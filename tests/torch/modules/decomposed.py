"""Cases of other files again, saved after run_decompositions: core ATen, or only functional ATen."""

import torch

from modules.registry import CASES

CORE = (
    "dynamic-images",
    "dynamic-upsampled-more",
    "dynamic-size_arithmetic",
    "state-kv_cache-assign",
    "state-batch_norm_training",
    "mutation-chained_views",
    "mutation-input_through_view",
    "control_flow-cond_with_weights",
    "control_flow-scan_network",
    "structure-lifted_constants",
    "nets-cnn",
    "nets-unet-bilinear",
    "transformers-encoder_layer-pre",
    "transformers-llama_steps",
    "recurrent-lstm-deep",
    "recurrent-gru-plain",
    "dtypes-bf16_attention",
    "data_dependent-item_as_length",
)
FUNCTIONAL = (
    "nets-resnet",
    "transformers-gpt",
    "state-momentum_step",
    "mutation-loop_of_writes",
    "recurrent-lstm-plain",
    "control_flow-while_times",
)


def again(name, decompositions):
    def make():
        case = CASES[name]()
        case.decompositions = decompositions
        return case

    return make


for name in CORE:
    CASES[f"decomposed-core-{name}"] = again(name, torch.export.ExportedProgram.run_decompositions)
for name in FUNCTIONAL:
    CASES[f"decomposed-functional-{name}"] = again(name, lambda program: program.run_decompositions({}))
