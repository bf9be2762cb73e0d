#include "ops/write.h"

#include "ops/element.h"

namespace portfire::ops::write {

Error Write::infer(const Args& a, std::span<TensorSpec>) {
  Shape both;
  PF_TRY(broadcast(a.tensor(0).shape, a.tensor(1).shape, &both));
  if (!(both == a.tensor(0).shape))
    return Error::make(Code::bad_argument, "%s does not fit into %s", TypeText(a.tensor(1)).c_str(), TypeText(a.tensor(0)).c_str());
  return {};
}

Error Write::reference(const Args& a, std::span<TensorView>) {
  const TensorView &to = a.tensor(0), &from = a.tensor(1);
  for (Index at(to.shape); at.valid(); at.next()) copy_element(to, at.offset(to), from, at.offset(from));
  return {};
}

}  // namespace portfire::ops::write
