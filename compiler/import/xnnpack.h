// Import of XNNPACK delegates, as ExecuTorch 1.4 writes them (format/xnnpack.fbs).
//
// In: the bytes of a delegate, and tensors for its inputs. Out: ATen's operators, appended to a graph, in the layouts that PyTorch has:
// XNNPACK's convolutions and pools take channels last, and what ExecuTorch permutes around them is taken back, so that passes find what
// they find in the graph of a `.pt2`. Sizes come from the inputs; those in the blob are the most that they can be. Quantized values
// become operators on int8 tensors with XNNPACK's own rounding (ops/linear_qs8.h and its neighbours).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "compiler/ir/builder.h"

namespace portfire::import {

// Data that a program holds by name (constants of delegates: SHA-256 in hex). Empty where there is none of that name.
using NamedBytes = std::function<std::span<const std::byte>(std::string_view key)>;

// Appends the graph of an XNNPACK delegate's blob to `build`. `inputs`: a tensor for each external input, in the order of the call; what
// comes back are the outputs in theirs. Both are as the delegate sees memory: a tensor whose dimension order is channels last comes, and
// goes, as [n, height, width, channels]. Constants point into the blob and the named data, which `owner` keeps alive. Throws ir::Refusal
// (what, which node, expected, got).
std::vector<ir::Tensor> import_xnnpack(ir::Builder& build, std::span<const std::byte> blob, const NamedBytes& named,
                                       const std::vector<ir::Tensor>& inputs, std::shared_ptr<const void> owner);

}  // namespace portfire::import
