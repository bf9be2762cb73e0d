#include "format/checkpoint.h"

#include <chrono>
#include <csignal>
#include <cstring>
#include <random>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "core/crc32c.h"
#include "format/ptd_writer.h"
#include "format/file_case.h"

namespace portfire {
namespace {

constexpr CheckpointInfo kInfo{.step = 1234567890123, .random_seed = 7, .random_counter = 99, .epoch = 3, .position = 512, .data_seed = 5, .program = UINT64_MAX};

bool says(const Error& e, std::string_view what) { return std::string_view(e.text()).find(what) != std::string_view::npos; }

class CheckpointTest : public testing::Test {
 protected:
  void write(std::span<const NamedTensor> tensors) {
    const Error e = write_checkpoint(path_.c_str(), tensors, kInfo);
    ASSERT_FALSE(e) << e.text();
    EXPECT_EQ(folder_.files(), 1u);
  }
  static std::string small() {
    const TestFolder folder;
    OwnedTensors tensors;
    tensors.add("layer.weight", DType::f32, {2, 3});
    tensors.add("layer.bias", DType::f32, {3});
    tensors.add("portfire.moment.layer.bias", DType::f32, {3});
    EXPECT_FALSE(write_checkpoint(folder.file("x").c_str(), tensors.all(), kInfo));
    return read_file(folder.file("x"));
  }

  TestFolder folder_;
  std::string path_ = folder_.file("x.ptd");
};

TEST_F(CheckpointTest, EveryDTypeAndRankThereAndBack) {
  OwnedTensors tensors;
  tensors.add_all();
  write(tensors.all());
  const Result<CheckpointFile> file = CheckpointFile::open(path_.c_str());
  ASSERT_TRUE(file.ok()) << file.error().text();
  EXPECT_EQ(file->info(), kInfo);
  ASSERT_EQ(file->size(), tensors.all().size());
  for (size_t i = 0; i < file->size(); ++i) {
    EXPECT_EQ(file->name(i), tensors.all()[i].name);
    EXPECT_TRUE(same_tensor(file->tensor(i), tensors.all()[i].tensor));
    EXPECT_TRUE(same_tensor(*file->find(file->name(i)), tensors.all()[i].tensor));
  }
  EXPECT_FALSE(file->find("no such tensor").has_value());
  EXPECT_FALSE(file->find(kCheckpointName).has_value());
  EXPECT_FALSE(file->find(kChecksumsName).has_value());
}

TEST_F(CheckpointTest, WithoutTensors) {
  write({});
  const Result<CheckpointFile> file = CheckpointFile::open(path_.c_str());
  ASSERT_TRUE(file.ok()) << file.error().text();
  EXPECT_EQ(file->size(), 0u);
  EXPECT_EQ(file->info(), kInfo);
}

TEST_F(CheckpointTest, MovedItStaysWhole) {
  OwnedTensors tensors;
  tensors.add("a", DType::i64, {5});
  write(tensors.all());
  Result<CheckpointFile> opened = CheckpointFile::open(path_.c_str());
  ASSERT_TRUE(opened.ok());
  const CheckpointFile file = *std::move(opened);
  std::filesystem::remove(path_);
  EXPECT_TRUE(same_tensor(*file.find("a"), tensors.all()[0].tensor));
}

TEST_F(CheckpointTest, TwiceWrittenTheBytesAreTheSame) { EXPECT_EQ(small(), small()); }

TEST_F(CheckpointTest, NamesOfOursAreNotTaken) {
  OwnedTensors tensors;
  tensors.add(std::string(kChecksumsName), DType::u32, {1});
  EXPECT_TRUE(says(write_checkpoint(path_.c_str(), tensors.all(), kInfo), "two tensors are named \"portfire.checksums\""));
  EXPECT_EQ(folder_.files(), 0u);
}

TEST_F(CheckpointTest, TruncatedAnywhere) {
  const std::string file = small();
  for (size_t n = 0; n < file.size(); ++n) {
    const AlignedBytes bytes(std::string_view(file).substr(0, n));
    const auto opened = CheckpointFile::from_bytes(bytes);
    ASSERT_FALSE(opened.ok()) << n;
    ASSERT_EQ(opened.error().code(), Code::bad_file) << n;
  }
}

TEST_F(CheckpointTest, LongerByAnything) {
  for (const size_t n : {1, 64, 128, 4096}) {
    const AlignedBytes bytes(small() + std::string(n, '\0'));
    const auto opened = CheckpointFile::from_bytes(bytes);
    ASSERT_FALSE(opened.ok()) << n;
    EXPECT_TRUE(says(opened.error(), "behind the end")) << opened.error().text();
  }
}

// No bit of the file can be wrong unseen, padding included.
TEST_F(CheckpointTest, EveryByteChanged) {
  const std::string file = small();
  AlignedBytes bytes(file);
  ASSERT_TRUE(CheckpointFile::from_bytes(bytes).ok());
  auto* at = const_cast<std::byte*>(std::span<const std::byte>(bytes).data());
  for (size_t i = 0; i < file.size(); ++i)
    for (const int by : {0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xFF}) {
      at[i] ^= static_cast<std::byte>(by);
      const auto opened = CheckpointFile::from_bytes(bytes);
      ASSERT_FALSE(opened.ok()) << "byte " << i << " ^ " << by;
      ASSERT_EQ(opened.error().code(), Code::bad_file);
      at[i] ^= static_cast<std::byte>(by);
    }
  EXPECT_TRUE(CheckpointFile::from_bytes(bytes).ok());
}

TEST_F(CheckpointTest, SaysWhatIsDamaged) {
  const std::string file = small();
  const AlignedBytes whole(file);
  const Result<PtdView> view = PtdView::open(whole);
  ASSERT_TRUE(view.ok());
  auto damaged = [&](size_t at) {
    std::string changed = file;
    changed[at] ^= 0x10;
    put_file(path_, changed);
    return CheckpointFile::open(path_.c_str()).error();
  };
  auto place = [&](size_t i) { return static_cast<size_t>(view->bytes(i).data() - view->file().data()); };
  for (size_t i = 0; i < 3; ++i) {
    const Error e = damaged(place(i) + 5);
    EXPECT_TRUE(says(e, path_ + ": tensor \"" + std::string(view->name(i)) + "\" is damaged (expected checksum ")) << e.text();
  }
  EXPECT_TRUE(says(damaged(place(3) + 20), "tensor \"portfire.checkpoint\" is damaged"));
  EXPECT_TRUE(says(damaged(place(4) + 2), "the list of tensors is damaged"));
  EXPECT_TRUE(says(damaged(place(0) + 24), "damaged between tensors"));
  EXPECT_TRUE(says(damaged(view->metadata().size() - 1), "the list of tensors is damaged"));
}

TEST_F(CheckpointTest, OtherFiles) {
  OwnedTensors tensors;
  tensors.add("a", DType::f32, {2});
  ASSERT_FALSE(write_ptd(path_.c_str(), tensors.all()));
  Error e = CheckpointFile::open(path_.c_str()).error();
  EXPECT_EQ(e.code(), Code::bad_file);
  EXPECT_TRUE(says(e, "x.ptd: tensors, but no checkpoint (expected a \"portfire.checkpoint\" among the names)")) << e.text();
  put_file(path_, "some text");
  EXPECT_EQ(CheckpointFile::open(path_.c_str()).error().code(), Code::bad_file);
  EXPECT_EQ(CheckpointFile::open(folder_.file("absent").c_str()).error().code(), Code::io);
  // Names in another order, a record of a later version, checksums of another type.
  const CheckpointRecord record = to_record(kInfo);
  CheckpointRecord later = record;
  later.bytes[7] = '2';
  uint32_t sums[2] = {};
  const TensorView r = TensorView::of(record.bytes, {64}), s = TensorView::of(sums, {2});
  const struct {
    std::vector<NamedTensor> tensors;
    const char* says;
  } cases[] = {{{{kCheckpointName, r}}, "whose last names are not"},
               {{{kChecksumsName, s}, {kCheckpointName, r}}, "whose last names are not"},
               {{{kCheckpointName, r}, {kChecksumsName, r}}, "portfire.checksums is u8[64] (expected u32[2])"},
               {{{kCheckpointName, r}, {kChecksumsName, s}}, "list of tensors is damaged"}};
  for (const auto& c : cases) {
    ASSERT_FALSE(write_ptd(path_.c_str(), c.tensors));
    e = CheckpointFile::open(path_.c_str()).error();
    EXPECT_TRUE(says(e, c.says)) << e.text();
  }
  EXPECT_TRUE(says(from_record(TensorView::of(later.bytes, {64})).error(), "no record of this version"));
  EXPECT_TRUE(says(from_record(s).error(), "portfire.checkpoint is u32[2] (expected u8[64])"));
}

// docs/checkpoints.md, from its words alone.
TEST_F(CheckpointTest, TheBytesAreAsDocumented) {
  const std::string file = small();
  auto u32 = [&](size_t at) { uint32_t v; std::memcpy(&v, file.data() + at, 4); return v; };
  auto u64 = [&](size_t at) { uint64_t v; std::memcpy(&v, file.data() + at, 8); return v; };
  EXPECT_EQ(file.substr(4, 8), "FT01FH01");
  EXPECT_EQ(u32(12), 40u);
  EXPECT_EQ(u64(16), 48u);
  const size_t base = u64(32);
  EXPECT_EQ(base % 128, 0u);
  EXPECT_EQ(base + u64(40), file.size());
  const size_t record = base + 3 * 128, sums = base + 4 * 128;
  EXPECT_EQ(file.substr(record, 8), "PFCKPT01");
  const uint64_t expected[] = {kInfo.step, kInfo.random_seed, kInfo.random_counter, kInfo.epoch, kInfo.position, kInfo.data_seed, kInfo.program};
  for (size_t i = 0; i < 7; ++i) EXPECT_EQ(u64(record + 8 + 8 * i), expected[i]);
  const auto bytes = std::as_bytes(std::span(file));
  EXPECT_EQ(u32(sums), crc32c(bytes.subspan(base, 24)));
  EXPECT_EQ(u32(sums + 12), crc32c(bytes.subspan(record, 64)));
  const std::string rest = file.substr(0, base) + file.substr(sums, 16);
  EXPECT_EQ(u32(sums + 16), crc32c(std::as_bytes(std::span(rest))));
}

// A state of a training that can be told from its neighbours: everything in it is its step.
struct State {
  explicit State(uint64_t step, size_t elements) : values(elements, static_cast<int32_t>(step)), more(17, static_cast<int64_t>(step)) { info.step = info.position = step; }
  Error write(const char* path) const {
    const NamedTensor tensors[] = {{"values", TensorView::of(values.data(), {static_cast<int64_t>(values.size())})}, {"more", TensorView::of(more.data(), {17})}};
    return write_checkpoint(path, tensors, info);
  }
  std::vector<int32_t> values;
  std::vector<int64_t> more;
  CheckpointInfo info;
};

bool is_one_state(const CheckpointFile& file) {
  const auto values = file.find("values"), more = file.find("more");
  const auto step = static_cast<int64_t>(file.info().step);
  bool same = values && more && file.info().position == file.info().step;
  for (int64_t i = 0; same && i < values->numel(); ++i) same = values->as<int32_t>()[i] == step;
  for (int64_t i = 0; same && i < more->numel(); ++i) same = more->as<int64_t>()[i] == step;
  return same;
}

// A process that writes one checkpoint after another is killed at any moment: the file is always one of them.
TEST_F(CheckpointTest, SurvivesKills) {
  constexpr int kKills = 60;
  constexpr size_t kElements = 300'000;
  const auto start = std::chrono::steady_clock::now();
  ASSERT_FALSE(State(0, kElements).write(path_.c_str()));
  const auto one = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count() + 1000;
  std::mt19937 random(1);
  uint64_t seen = 0;
  int moved = 0, amidst = 0;
  for (int k = 0; k < kKills; ++k) {
    const pid_t child = fork();
    if (child == 0) {
      for (uint64_t step = seen;; ++step)
        if (State(step, kElements).write(path_.c_str())) _exit(1);
    }
    usleep(static_cast<useconds_t>(random() % static_cast<uint64_t>(4 * one)));  // of the time that one takes on this disk
    kill(child, SIGKILL);
    int status;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "writing failed";
    const Result<CheckpointFile> file = CheckpointFile::open(path_.c_str());
    ASSERT_TRUE(file.ok()) << file.error().text();
    ASSERT_TRUE(is_one_state(*file));
    ASSERT_GE(file->info().step, seen);
    moved += file->info().step > seen;
    seen = file->info().step;
    ASSERT_LE(folder_.files(), 2u);  // what the killed left is used again
    amidst += folder_.files() == 2;
  }
  EXPECT_GT(moved, 0) << "no checkpoint was finished between kills";
  EXPECT_GT(amidst, 0) << "no kill came while one was written";
  printf("%d kills: %d while one was written, %d after more were; %llu written\n", kKills, amidst, moved, static_cast<unsigned long long>(seen));
}

// Wherever the disk is full, the old file stays.
TEST_F(CheckpointTest, FullDisk) {
  ASSERT_FALSE(State(1, 1000).write(path_.c_str()));
  const size_t size = read_file(path_).size();
  for (const size_t room : {size_t{0}, size_t{1}, size_t{100}, size / 2, size - 1}) {
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{room, room};
      setrlimit(RLIMIT_FSIZE, &limit);
      const Error e = State(2, 1000).write(path_.c_str());
      _exit(e.code() == Code::io && says(e, "x.ptd: cannot write: File too large") ? 0 : 1);
    }
    int status;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << room;
    const Result<CheckpointFile> file = CheckpointFile::open(path_.c_str());
    ASSERT_TRUE(file.ok()) << file.error().text();
    EXPECT_EQ(file->info().step, 1u);
    EXPECT_TRUE(is_one_state(*file));
    EXPECT_EQ(folder_.files(), 1u);
  }
  EXPECT_EQ(State(2, 1000).write("/dev/full").code(), Code::io);
}

}  // namespace
}  // namespace portfire
