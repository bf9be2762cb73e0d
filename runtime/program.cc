#include "runtime/program.h"

#include "format/bundle_view.h"

namespace portfire {
Error Program::read(std::span<const std::byte> bytes, std::span<const std::string> data, Compile compile) {
  if (is_bundle(bytes)) {
    PF_ASSIGN(const BundleView bundle, BundleView::open(bytes));
    bytes = bundle.program();
  }
  PF_ASSIGN(view_, ProgramView::open(bytes));
  if (compile && has_delegates(view_.root())) {
    PF_TRY(compile(bytes, data, &compiled_));
    PF_ASSIGN(view_, ProgramView::open(compiled_));
    return {};  // weights of data files are in it
  }
  PF_ASSIGN(data_, DataFiles::open(data));
  return {};
}

Result<std::shared_ptr<const Program>> Program::open(const char* path, std::span<const std::string> data, Compile compile) {
  auto program = std::make_shared<Program>();
  PF_ASSIGN(program->file_, FileMap::open(path));
  if (const Error e = program->read(program->file_.bytes(), data, compile)) return e.at(path);
  return std::shared_ptr<const Program>(program);
}

Result<std::shared_ptr<const Program>> Program::from_bytes(std::span<const std::byte> bytes, std::span<const std::string> data,
                                                            Compile compile) {
  auto program = std::make_shared<Program>();
  PF_TRY(program->read(bytes, data, compile));
  return std::shared_ptr<const Program>(program);
}

}  // namespace portfire
