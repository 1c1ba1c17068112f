#include "base/file.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace sluice {
namespace {

struct FileTest : testing::Test {
  FileTest() { std::filesystem::create_directories(folder); }

  ~FileTest() override { std::filesystem::remove_all(folder); }

  std::string write(const std::string& text) {
    const std::string path = folder / "file";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }

  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) /
      ("file_test." + std::to_string(testing::UnitTest::GetInstance()->random_seed()) +
       std::to_string(::getpid()));
};

TEST_F(FileTest, IsReadWhole) {
  for (const std::size_t size : {0UL, 1UL, 16UL * 1024, 16UL * 1024 + 1, 100'000UL}) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
      text[i] = static_cast<char>(i % 251);
    }
    const auto read = read_file(write(text), 100'000);
    ASSERT_TRUE(read) << size;
    EXPECT_EQ(*read, text);
  }
}

TEST_F(FileTest, IsRefusedWhenItIsTooLarge) {
  EXPECT_TRUE(read_file(write("12345"), 5));
  const auto read = read_file(write("123456"), 5);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, (folder / "file").string() + " is larger than 5 bytes");
}

TEST_F(FileTest, SaysWhyItCannotBeRead) {
  const auto missing = read_file(folder / "missing", 5);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().message,
            "cannot read " + (folder / "missing").string() + ": No such file or directory");
  const auto directory = read_file(folder, 5);
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().message, "cannot read " + folder.string() + ": Is a directory");
}

}  // namespace
}  // namespace sluice
