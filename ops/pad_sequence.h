// aten::pad_sequence: sequences [T_i,...] filled up to the longest and stacked, [T,B,...] or
// [B,T,...] with batch_first.
#pragma once

#include <string>

#include "ops/op.h"

namespace portfire::ops::pad_sequence {

struct PadSequence {
  static constexpr std::string_view schema =
      "aten::pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str "
      "padding_side=\"right\") -> Tensor";
  template <class G>
  static void decompose(G& g) {
    auto list = g.tensors("sequences");
    if (list.empty()) g.reject("no sequences");
    auto longest = g.size(list[0], 0);
    for (auto& t : list) longest = max(longest, g.size(t, 0));
    const std::string side = g.string("padding_side");
    for (auto& t : list) {
      const auto missing = longest - g.size(t, 0);
      if (same(missing, 0)) continue;
      // Pairs from the last dimension to the first.
      std::vector<std::decay_t<decltype(longest)>> pad(2 * static_cast<size_t>(t.rank()), 0);
      pad[pad.size() - (side == "left" ? 2 : 1)] = missing;
      t = g("aten::constant_pad_nd", t, pad, g.real("padding_value"));
    }
    g.result(g("aten::stack", list, g.boolean("batch_first") ? 0 : 1));
  }
};

using Ops = OpList<PadSequence>;

}  // namespace portfire::ops::pad_sequence
