// The list of kernels: one line each.
#include "kernels/kernel.h"

namespace portfire {

// X(namespace, constant), the preferred one for an operator first
#define PF_KERNELS(X)      \
  X(pointwise, kSigns) \
  X(pointwise, kPointwise) \
  X(pointwise, kPointwise2) \
  X(pointwise, kPointwise3) \
  X(pointwise, kComplexMul) \
  X(pointwise, kComplexAdd) \
  X(pointwise, kComplexSub) \
  X(pointwise, kComplexAbs) \
  X(copy, kClone) \
  X(copy, kToCopy) \
  X(copy, kFlip) \
  X(copy, kExpandCopy) \
  X(copy, kPermuteCopy) \
  X(copy, kTransposeCopy) \
  X(copy, kTCopy) \
  X(copy, kSliceCopy) \
  X(copy, kSelectCopy) \
  X(copy, kUnfoldCopy) \
  X(copy, kViewCopy) \
  X(copy, kRepeat) \
  X(copy, kRoll) \
  X(copy, kCat) \
  X(copy, kStack) \
  X(copy, kWrite) \
  X(copy, kSelectScatter) \
  X(copy, kSliceScatter) \
  X(copy, kDiagonalScatter) \
  X(copy, kConstantPad) \
  X(reduce, kSum) \
  X(reduce, kSumSquares) \
  X(reduce, kSumNumbers) \
  X(reduce, kMean) \
  X(reduce, kProd) \
  X(reduce, kProdDim) \
  X(reduce, kAmax) \
  X(reduce, kAmin) \
  X(reduce, kMaxDim) \
  X(reduce, kMinDim) \
  X(reduce, kArgmax) \
  X(reduce, kArgmin) \
  X(reduce, kAny) \
  X(reduce, kAll) \
  X(reduce, kVar) \
  X(reduce, kCumsum) \
  X(reduce, kCumprod) \
  X(reduce, kCummax) \
  X(reduce, kCummin) \
  X(index, kIndexTensor) \
  X(index, kEmbeddingBag) \
  X(index, kSort) \
  X(index, kSortStable) \
  X(index, kTopk) \
  X(index, kGather) \
  X(index, kIndexSelect) \
  X(index, kEmbedding) \
  X(index, kEmbeddingBackward) \
  X(index, kScatter) \
  X(index, kScatterValue) \
  X(index, kScatterAdd) \
  X(index, kScatterReduce) \
  X(index, kMaskedScatter) \
  X(index, kSearchsorted) \
  X(index, kHistc) \
  X(copy, kArange) \
  X(index, kIndexPut) \
  X(copy, kReflectionPad1d) \
  X(copy, kReflectionPad2d) \
  X(copy, kReflectionPad3d) \
  X(copy, kReplicationPad1d) \
  X(copy, kReplicationPad2d) \
  X(copy, kReplicationPad3d) \
  X(copy, kCircularPad) \
  X(gemm, kPackedLinear)   \
  X(gemm, kBf16Linear) \
  X(gemm, kBf16Mm) \
  X(gemm, kBf16Addmm) \
  X(gemm, kBf16Bmm) \
  X(gemm, kWideLinear) \
  X(gemm, kWideMm) \
  X(gemm, kWideAddmm) \
  X(gemm, kWideBmm) \
  X(gemm, kLinear)          \
  X(gemm, kMm)              \
  X(gemm, kAddmm)           \
  X(gemm, kBmm)             \
  X(conv, kPackedConv2d)   \
  X(conv, kInvertedResidual) \
  X(conv, kWinogradConv2d)  \
  X(conv, kDepthwiseConv2d) \
  X(conv, kMaxPool2d)       \
  X(conv, kPointwiseConvolution) \
  X(conv, kPointwiseConvolutionWeight) \
  X(conv, kShiftedConvolution) \
  X(conv, kConvolution)     \
  X(conv, kConvolutionBackwardWeight) \
  X(spatial, kMaxPool2d) \
  X(spatial, kMaxPool3d) \
  X(spatial, kMaxPool2dWithIndices) \
  X(spatial, kMaxPool3dWithIndices) \
  X(spatial, kAdaptiveMaxPool2d) \
  X(spatial, kAdaptiveMaxPool3d) \
  X(spatial, kAvgPool2d) \
  X(spatial, kAvgPool3d) \
  X(spatial, kAdaptiveAvgPool2d) \
  X(spatial, kAdaptiveAvgPool3d) \
  X(spatial, kAvgPool2dBackward) \
  X(spatial, kAvgPool3dBackward) \
  X(spatial, kAdaptiveAvgPool2dBackward) \
  X(spatial, kAdaptiveAvgPool3dBackward) \
  X(spatial, kNearest1d) \
  X(spatial, kNearest2d) \
  X(spatial, kNearest3d) \
  X(spatial, kNearestExact1d) \
  X(spatial, kNearestExact2d) \
  X(spatial, kNearestExact3d) \
  X(spatial, kLinear1d) \
  X(spatial, kBilinear2d) \
  X(spatial, kTrilinear3d) \
  X(spatial, kBicubic2d) \
  X(spatial, kBilinear2dAa) \
  X(spatial, kBicubic2dAa) \
  X(spatial, kCol2im) \
  X(spatial, kGridSampler2d) \
  X(spatial, kGridSampler3d) \
  X(attention, kAttention) \
  X(attention, kAttentionBf16) \
  X(attention, kAttentionBackward) \
  X(attention, kCustomSdpa) \
  X(attention, kSdpaWithKvCache) \
  X(attention, kCustomQuantizedSdpa) \
  X(rows, kSoftmax) \
  X(rows, kLogSoftmax) \
  X(rows, kGroupNorm) \
  X(rows, kLayerNorm)      \
  X(rows, kNativeLayerNorm) \
  X(rows, kLayerNormBackward) \
  X(rows, kBatchNormTrain) \
  X(rows, kBatchNormBackward) \
  X(rows, kSoftmaxBackward) \
  X(rows, kLogSoftmaxBackward) \
  X(rows, kRmsNorm)         \
  X(wide_rows, kSoftmax) \
  X(wide_rows, kLogSoftmax) \
  X(wide_rows, kLayerNorm) \
  X(wide_rows, kRmsNorm) \
  X(wide_rows, kGroupNorm) \
  X(quant, kLinearQs8) \
  X(quant, kLinearQd8) \
  X(quant, kConv2dQs8) \
  X(quant, kConv2dQd8) \
  X(quant, kQuantize) \
  X(quant, kDequantize) \
  X(quant, kAdd) \
  X(quant, kMultiply) \
  X(gemm, kCdist) \
  X(gemm, kPdist) \
  X(affine, kQuantizePerTensor) \
  X(affine, kQuantizePerTensorOfTensors) \
  X(affine, kQuantizePerTensorOut) \
  X(affine, kQuantizePerChannel) \
  X(affine, kQuantizePerToken) \
  X(affine, kQuantizePerGroup) \
  X(affine, kQuantizeAffine) \
  X(affine, kDequantizePerTensor) \
  X(affine, kDequantizePerTensorOfTensors) \
  X(affine, kDequantizePerTensorOut) \
  X(affine, kDequantizePerChannel) \
  X(affine, kDequantizePerToken) \
  X(affine, kDequantizePerGroup) \
  X(affine, kDequantizeAffine) \
  X(affine, kChooseQparams) \
  X(affine, kChooseQparamsAffine) \
  X(affine, kChooseQparamsSymmetric) \
  X(affine, kChooseQparamsPerToken) \
  X(affine, kChooseQparamsOfBlocks) \
  X(affine, kEmbeddingByte) \
  X(affine, kEmbeddingByteTo) \
  X(affine, kEmbedding4bit) \
  X(affine, kEmbedding4bitTo) \
  X(fft, kC2c) \
  X(fft, kR2c) \
  X(fft, kC2r) \
  X(recurrent, kLstm)       \
  X(recurrent, kGru)        \
  X(recurrent, kRnn)

#define X(space, name)          \
  namespace space {             \
  extern const Kernel name;     \
  }
PF_KERNELS(X)
#undef X

std::span<const Kernel> all_kernels() {
#define X(space, name) space::name,
  static const Kernel table[] = {PF_KERNELS(X)};
#undef X
  return table;
}

}  // namespace portfire
