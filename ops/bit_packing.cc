#include "ops/bit_packing.h"

#include <cstring>

namespace portfire::ops {
namespace {

// One block: some vectors V_j of `lanes` consecutive values, in `bytes` vectors of as many bytes p_t. v[j] belongs to a lane, and so does p[t].
struct Block {
  int vectors, bytes;
  void (*lane)(const uint8_t* p, uint8_t* v);
};

void one(const uint8_t* p, uint8_t* v) {
  for (int j = 0; j < 8; ++j) v[j] = p[0] >> (7 - j) & 1;
}
void two(const uint8_t* p, uint8_t* v) {
  for (int j = 0; j < 4; ++j) v[j] = p[0] >> (6 - 2 * j) & 3;
}
void three(const uint8_t* p, uint8_t* v) {
  for (int t = 0; t < 3; ++t) {
    v[2 * t] = p[t] >> 3 & 7;
    v[2 * t + 1] = p[t] & 7;
  }
  v[6] = static_cast<uint8_t>(p[0] >> 6 | p[2] >> 7 << 2);
  v[7] = static_cast<uint8_t>(p[1] >> 6 | (p[2] >> 6 & 1) << 2);
}
void four(const uint8_t* p, uint8_t* v) {
  v[0] = p[0] & 15;
  v[1] = p[0] >> 4;
}
void five(const uint8_t* p, uint8_t* v) {
  for (int t = 0; t < 4; ++t) {
    v[2 * t] = p[t] & 31;
    v[2 * t + 1] = static_cast<uint8_t>(p[t] >> 5 | (p[4] >> 2 * t & 3) << 3);
  }
}
void six(const uint8_t* p, uint8_t* v) {
  for (int t = 0; t < 3; ++t) v[t] = p[t] & 63;
  v[3] = static_cast<uint8_t>(p[0] >> 6 | p[1] >> 6 << 2 | p[2] >> 6 << 4);
}
void seven(const uint8_t* p, uint8_t* v) {
  v[7] = 0;
  for (int t = 0; t < 7; ++t) {
    v[t] = p[t] & 127;
    v[7] = static_cast<uint8_t>(v[7] | p[t] >> 7 << t);
  }
}
constexpr Block kBlocks[] = {{8, 1, one}, {4, 1, two}, {8, 3, three}, {2, 1, four}, {8, 5, five}, {4, 3, six}, {8, 7, seven}};

// Values that one vector of a block has in a set of 128, 64, 32.
constexpr int kLanes[][3] = {{16, 0, 1}, {16, 16, 8}, {16, 8, 1}, {16, 16, 16}, {16, 0, 1}, {16, 16, 8}, {16, 8, 1}};

// The two sets of 64 that eight vectors do not fit: four vectors of 16.
void one_of_64(const uint8_t* from, uint8_t* to) {
  for (int i = 0; i < 8; ++i)
    for (int j = 0; j < 4; ++j) {
      to[16 * j + i] = from[i] >> (3 - j) & 1;
      to[16 * j + 8 + i] = from[i] >> (7 - j) & 1;
    }
}
void five_of_64(const uint8_t* from, uint8_t* to) {
  for (int pair = 0; pair < 2; ++pair)
    for (int i = 0; i < 16; ++i) {
      const uint8_t byte = from[16 * pair + i], top = from[32 + i % 8] >> (4 * pair + i / 8 * 2) & 3;
      to[32 * pair + i] = byte & 31;
      to[32 * pair + 16 + i] = static_cast<uint8_t>(byte >> 5 | top << 3);
    }
}

}  // namespace

void unpack_set(int bits, int count, const uint8_t* from, uint8_t* to) {
  if (bits == 8) return static_cast<void>(std::memcpy(to, from, static_cast<size_t>(count)));
  if (count == 64 && bits == 1) return one_of_64(from, to);
  if (count == 64 && bits == 5) return five_of_64(from, to);
  const Block& block = kBlocks[bits - 1];
  const int lanes = kLanes[bits - 1][count == 128 ? 0 : count == 64 ? 1 : 2];
  for (int done = 0; done < count; done += block.vectors * lanes, from += block.bytes * lanes)
    for (int i = 0; i < lanes; ++i) {
      uint8_t p[7], v[8];
      for (int t = 0; t < block.bytes; ++t) p[t] = from[t * lanes + i];
      block.lane(p, v);
      for (int j = 0; j < block.vectors; ++j) to[done + j * lanes + i] = v[j];
    }
}

}  // namespace portfire::ops
