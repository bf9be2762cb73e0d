// Programs made value by value, of several methods: for tests of what loads them.
#pragma once

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "format/file_case.h"
#include "program_generated.h"

namespace portfire {

namespace fb = flatbuffers;

class ProgramMaker {
 public:
  struct Tensor {
    std::vector<int32_t> sizes;
    DType dtype = DType::f32;
    uint32_t memory = 0, offset = 0;  // planned memory; 0: none
    uint32_t state = 0;               // what state() gave: its initial value
    const char* name = nullptr;
    bool external = false;
    std::vector<uint8_t> order = {};
    int8_t device = 0;
  };

  // Opens a method with these buffers, from memory id 1 on.
  void method(const char* name, std::vector<int64_t> buffers) {
    name_ = name;
    buffers_ = std::move(buffers);
    buffers_.insert(buffers_.begin(), 0);
  }
  int32_t tensor(const Tensor& t) {
    fb::Offset<pte::AllocationDetails> memory;
    if (t.memory) memory = pte::CreateAllocationDetails(out_, t.memory, t.offset, 0);
    fb::Offset<pte::ExtraTensorInfo> extra;
    if (t.name || t.external || t.device)
      extra = pte::CreateExtraTensorInfo(out_, 0, t.name ? out_.CreateString(t.name) : 0, t.external, t.device);
    const auto sizes = out_.CreateVector(t.sizes);
    const auto order = t.order.empty() ? fb::Offset<fb::Vector<uint8_t>>() : out_.CreateVector(t.order);
    return push(pte::KernelTypes_Tensor,
                pte::CreateTensor(out_, static_cast<int8_t>(t.dtype), 0, sizes, order, false, t.state, memory, 0, 0, extra).Union());
  }
  int32_t integer(int64_t n) { return push(pte::KernelTypes_Int, pte::CreateInt(out_, n).Union()); }
  int32_t real(double x) { return push(pte::KernelTypes_Double, pte::CreateDouble(out_, x).Union()); }
  int32_t boolean(bool b) { return push(pte::KernelTypes_Bool, pte::CreateBool(out_, b).Union()); }
  int32_t string(const char* s) { return push(pte::KernelTypes_String, pte::CreateString(out_, out_.CreateString(s)).Union()); }
  int32_t none() { return push(pte::KernelTypes_Null, pte::CreateNull(out_).Union()); }
  int32_t list(std::vector<int64_t> items) {
    return push(pte::KernelTypes_IntList, pte::CreateIntList(out_, out_.CreateVector(items)).Union());
  }
  void call(const char* name, const char* overload, std::vector<int32_t> args) {
    operators_.push_back(pte::CreateOperator(out_, out_.CreateString(name), out_.CreateString(overload)));
    const auto call = pte::CreateKernelCall(out_, static_cast<int32_t>(operators_.size() - 1), out_.CreateVector(args));
    code_.push_back(pte::CreateInstruction(out_, pte::InstructionArguments_KernelCall, call.Union()));
  }
  // Closes the method.
  void gives(std::vector<int32_t> inputs, std::vector<int32_t> outputs, int8_t device = 0) {
    const auto chain = pte::CreateChain(out_, out_.CreateVector(inputs), out_.CreateVector(outputs), out_.CreateVector(code_));
    fb::Offset<fb::Vector<fb::Offset<pte::NonConstBufferDevice>>> devices;
    if (device) {
      const auto one = pte::CreateNonConstBufferDevice(out_, 1, device, 0);
      devices = out_.CreateVector(&one, 1);
    }
    plans_.push_back(pte::CreateExecutionPlan(out_, out_.CreateString(name_), 0, out_.CreateVector(values_), out_.CreateVector(inputs),
                                              out_.CreateVector(outputs), out_.CreateVector(&chain, 1), out_.CreateVector(operators_), 0,
                                              out_.CreateVector(buffers_), devices));
    values_.clear();
    operators_.clear();
    code_.clear();
  }

  // An initial value of state, for Tensor::state.
  uint32_t state(std::vector<float> values) {
    states_.push_back(segment_.size());
    segment_.append(reinterpret_cast<const char*>(values.data()), values.size() * 4);
    segment_.resize((segment_.size() + 15) / 16 * 16);
    return static_cast<uint32_t>(states_.size());
  }
  void named_data(const char* key, std::string bytes) {
    keys_.push_back(key);
    blobs_.push_back(std::move(bytes));
  }

  // The whole file. Segments lie behind the flatbuffer, at a place that is known before it is written.
  std::string bytes() {
    std::vector<fb::Offset<pte::DataSegment>> segments{pte::CreateDataSegment(out_, kSegments, segment_.size())};
    std::vector<fb::Offset<pte::NamedData>> named;
    std::string rest = segment_;
    for (size_t i = 0; i < keys_.size(); ++i) {
      named.push_back(pte::CreateNamedData(out_, out_.CreateString(keys_[i]), static_cast<uint32_t>(segments.size())));
      segments.push_back(pte::CreateDataSegment(out_, kSegments + rest.size(), blobs_[i].size()));
      rest += blobs_[i];
    }
    std::vector<uint64_t> offsets{0};
    offsets.insert(offsets.end(), states_.begin(), states_.end());
    const auto table = pte::CreateSubsegmentOffsets(out_, 0, out_.CreateVector(offsets));
    out_.Finish(pte::CreateProgram(out_, 0, out_.CreateVector(plans_), 0, 0, out_.CreateVector(segments), 0, out_.CreateVector(&table, 1),
                                   out_.CreateVector(named)),
                "ET12");
    std::string file(reinterpret_cast<const char*>(out_.GetBufferPointer()), out_.GetSize());
    EXPECT_LE(file.size(), kSegments);
    file.resize(kSegments);
    return file + rest;
  }

 private:
  static constexpr size_t kSegments = 16384;
  int32_t push(pte::KernelTypes kind, fb::Offset<void> value) {
    values_.push_back(pte::CreateEValue(out_, kind, value));
    return static_cast<int32_t>(values_.size() - 1);
  }

  fb::FlatBufferBuilder out_;
  std::string name_, segment_;
  std::vector<int64_t> buffers_;
  std::vector<fb::Offset<pte::EValue>> values_;
  std::vector<fb::Offset<pte::Operator>> operators_;
  std::vector<fb::Offset<pte::Instruction>> code_;
  std::vector<fb::Offset<pte::ExecutionPlan>> plans_;
  std::vector<uint64_t> states_;
  std::vector<std::string> keys_, blobs_;
};

}  // namespace portfire
