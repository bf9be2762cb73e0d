#include "runtime/program.h"

namespace portfire {

Result<std::shared_ptr<const Program>> Program::open(const char* path) {
  auto program = std::make_shared<Program>();
  PF_ASSIGN(program->file_, FileMap::open(path));
  Result<ProgramView> view = ProgramView::open(program->file_.bytes());
  if (!view.ok()) return view.error().at(path);
  program->view_ = *view;
  return std::shared_ptr<const Program>(program);
}

Result<std::shared_ptr<const Program>> Program::from_bytes(std::span<const std::byte> bytes) {
  auto program = std::make_shared<Program>();
  PF_ASSIGN(program->view_, ProgramView::open(bytes));
  return std::shared_ptr<const Program>(program);
}

}  // namespace portfire
