// `portfire convert`: tensors from one format to another. A checkpoint stays one: what it says of the training goes along
// where all of it does.
#include <deque>
#include <vector>

#include <fmt/format.h>

#include "cli/commands.h"
#include "compiler/import/row_major.h"
#include "compiler/import/tensor_file.h"
#include "core/state_names.h"
#include "format/ptd_writer.h"
#include "format/safetensors.h"

namespace portfire::cli {
namespace {

using import::TensorFile;
using Format = TensorFile::Format;

// Entries of a `.ptd` may share their bytes, and one of them show them in another order, which must be copied: a small file
// may not fill the memory.
constexpr size_t kMaxCopies = 16;

class Selection {
 public:
  Selection(const TensorFile& file) : file_(file) {}

  // Row-major, in the file's order.
  Error take(bool own) {
    size_t copied = 0;
    for (NamedTensor t : file_.tensors()) {
      if (!own && t.name.starts_with(kOwnNames)) continue;
      if (!t.tensor.is_contiguous()) {
        copied += t.tensor.bytes();
        if (copied / kMaxCopies > file_.file_bytes())
          return Error::make(Code::unsupported, "%s: tensors share bytes in another order (expected at most %zu times the file's)", file_.path().c_str(),
                             kMaxCopies);
        auto& copy = copies_.emplace_back(t.tensor.bytes());
        import::copy_row_major(t.tensor, copy.data());
        t.tensor = TensorView::of(copy.data(), t.tensor.dtype, t.tensor.shape.dims());
      }
      tensors_.push_back(t);
    }
    return {};
  }

  Error write(const std::string& path, Format format, bool own) {
    const auto& checkpoint = file_.checkpoint();
    if (format == Format::ptd)
      return checkpoint ? write_checkpoint(path.c_str(), tensors_, *checkpoint) : write_ptd(path.c_str(), tensors_);
    const CheckpointRecord record = checkpoint ? to_record(*checkpoint) : CheckpointRecord{};
    if (own && checkpoint) tensors_.push_back({kCheckpointName, TensorView::of(record.bytes, {static_cast<int64_t>(sizeof record.bytes)})});
    return write_safetensors(path.c_str(), tensors_);
  }

  size_t size() const { return tensors_.size(); }

 private:
  const TensorFile& file_;
  std::vector<NamedTensor> tensors_;
  std::deque<std::vector<std::byte>> copies_;
};

Error convert_file(const ConvertCommand& c) {
  const bool ptd = c.output.ends_with(".ptd");
  if (!ptd && !c.output.ends_with(".safetensors"))
    return Error::make(Code::bad_argument, "convert: -o %s (expected OUT.ptd or OUT.safetensors)", c.output.c_str());
  PF_ASSIGN(const std::shared_ptr<const TensorFile> file, TensorFile::open(c.input));
  Selection selection(*file);
  const bool own = ptd || c.all;
  PF_TRY(selection.take(own));
  const size_t taken = selection.size(), left_out = file->tensors().size() - taken;
  PF_TRY(selection.write(c.output, ptd ? Format::ptd : Format::safetensors, own));
  fmt::print("{}: {} tensors", c.output, taken);
  if (left_out > 0) fmt::print("; {} of the training are left out (--all takes them)", left_out);
  fmt::print("\n");
  return {};
}

}  // namespace

int convert(const ConvertCommand& command) { return report(convert_file(command)); }

}  // namespace portfire::cli
