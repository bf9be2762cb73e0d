#include "core/new_file.h"

#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>

namespace portfire {
namespace {

namespace fs = std::filesystem;

class NewFileTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/portfire_new_file.XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    path_ = (folder_ / "file").string();
  }
  void TearDown() override { fs::remove_all(folder_); }

  void put(const char* text) {
    NewFile file(path_.c_str());
    ASSERT_FALSE(file.write(text, strlen(text)));
    ASSERT_FALSE(file.finish());
  }
  std::string text() const {
    std::ifstream in(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  size_t files() const { return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {})); }

  fs::path folder_;
  std::string path_;
};

TEST_F(NewFileTest, IsThereWhenFinished) {
  {
    NewFile file(path_.c_str());
    ASSERT_FALSE(file.write("abc", 3));
    EXPECT_FALSE(fs::exists(path_));
    ASSERT_FALSE(file.finish());
  }
  EXPECT_EQ(text(), "abc");
  EXPECT_EQ(files(), 1u);
}

TEST_F(NewFileTest, WithoutFinishThePlaceIsAsBefore) {
  put("old");
  {
    NewFile file(path_.c_str());
    ASSERT_FALSE(file.write("new", 3));
  }
  EXPECT_EQ(text(), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(NewFileTest, TwoWritersAtOnceDoNotMeet) {
  auto a = std::make_unique<NewFile>(path_.c_str()), b = std::make_unique<NewFile>(path_.c_str()), c = std::make_unique<NewFile>(path_.c_str());
  ASSERT_FALSE(a->write("aaaa", 4));
  ASSERT_FALSE(b->write("bb", 2));
  ASSERT_FALSE(c->write("c", 1));
  EXPECT_EQ(files(), 3u);
  ASSERT_FALSE(a->finish());
  EXPECT_EQ(text(), "aaaa");
  c.reset();
  ASSERT_FALSE(b->finish());
  EXPECT_EQ(text(), "bb");
  EXPECT_EQ(files(), 1u);
}

// A long rest of an earlier, killed writer: its file is used again, from its start.
TEST_F(NewFileTest, WhatAKilledWriterLeftIsTakenOver) {
  put("old");
  for (int round = 0; round < 3; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      NewFile file(path_.c_str());
      (void)file.write("a long text that is never finished", 34);
      kill(getpid(), SIGKILL);
    }
    int status;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(text(), "old");
    EXPECT_EQ(files(), 2u);
  }
  put("new");
  EXPECT_EQ(text(), "new");
  EXPECT_EQ(files(), 1u);
}

TEST_F(NewFileTest, FullDisk) {
  put("old");
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{16, 16};
    setrlimit(RLIMIT_FSIZE, &limit);
    bool right;
    {
      NewFile file(path_.c_str());
      const char much[64] = {};
      const Error e = file.write(much, sizeof much);
      right = e.code() == Code::io && strstr(e.text(), "cannot write");
    }
    _exit(right ? 0 : 1);
  }
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(text(), "old");
  EXPECT_EQ(files(), 1u);
}

TEST_F(NewFileTest, DevicesAreWrittenInPlace) {
  NewFile null("/dev/null");
  EXPECT_FALSE(null.write("abc", 3));
  EXPECT_FALSE(null.finish());
  NewFile full("/dev/full");
  EXPECT_EQ(full.write("abc", 3).code(), Code::io);
}

TEST_F(NewFileTest, InTheFolderOfTheProcess) {
  const fs::path before = fs::current_path();
  fs::current_path(folder_);
  {
    NewFile file("file");
    EXPECT_FALSE(file.write("abc", 3));
    EXPECT_FALSE(file.finish());
  }
  fs::current_path(before);
  EXPECT_EQ(text(), "abc");
}

}  // namespace
}  // namespace portfire
