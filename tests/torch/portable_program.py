"""Programs of single calls in ExecuTorch's own format, by its own serializer: a method for each case of portable_calls.py."""
import torch
from executorch.exir._serialize._program import PTEFile, serialize_pte_binary
from executorch.exir.scalar_type import ScalarType
from executorch.exir.schema import (
    AllocationDetails, Bool, BoolList, Buffer, Chain, ContainerMetadata, Double, DoubleList, EValue,
    ExecutionPlan, Instruction, Int, IntList, JumpFalseCall, KernelCall, MoveCall, Null, Operator,
    OptionalTensorList, Program, String, SubsegmentOffsets, Tensor, TensorList, TensorShapeDynamism,
)

SCALAR_TYPES = {
    torch.uint8: 0, torch.int8: 1, torch.int16: 2, torch.int32: 3, torch.int64: 4, torch.float16: 5, torch.float32: 6, torch.float64: 7,
    torch.complex64: 9, torch.bool: 11, torch.bfloat16: 15,
}


class Method:
    """Values are added one by one; each call gives the number of what it added."""

    def __init__(self, name):
        self.name, self.values, self.inputs, self.outputs, self.code, self.operators, self.bytes = name, [], [], [], [], [], 0

    def value(self, v):
        self.values.append(EValue(v))
        return len(self.values) - 1

    def tensor(self, dtype, sizes, order=None, bounded=False, planned=True, at=None):
        bytes = torch.Size(sizes).numel() * torch.empty(0, dtype=dtype).element_size()
        memory = None
        if planned:
            memory = AllocationDetails(1, self.bytes if at is None else at, 0)
            if at is None:
                self.bytes += (bytes + 15) // 16 * 16
        dynamism = TensorShapeDynamism.DYNAMIC_BOUND if bounded else TensorShapeDynamism.STATIC
        order = list(order or range(len(sizes)))
        return self.value(Tensor(ScalarType(SCALAR_TYPES[dtype]), 0, list(sizes), order, False, 0, 0, memory, dynamism))

    def input(self, dtype, sizes, order=None, **more):
        self.inputs.append(self.tensor(dtype, sizes, order, **more))
        return self.inputs[-1]

    def number(self, x):
        return self.value(Bool(x) if isinstance(x, bool) else Int(x) if isinstance(x, int) else Double(x))

    def argument(self, x, type, order, leaves):
        """`leaves` takes the tensors, which become inputs."""
        if isinstance(x, torch.Tensor):
            leaves.append(x)
            return self.input(x.dtype, x.shape, order)
        if x is None:
            return self.value(Null())
        if isinstance(x, str):
            return self.value(String(x))
        if isinstance(x, (bool, int, float)) and "List" in type and "Optional[int]" not in type:
            x = [x]
        if isinstance(x, (list, tuple)):
            if "Tensor" in type:
                items = [-1 if t is None else self.argument(t, "Tensor", None, leaves) for t in x]
                return self.value(OptionalTensorList(items) if "Optional[Tensor]" in type else TensorList(items))
            if "float" in type:
                return self.value(DoubleList([float(v) for v in x]))
            if "bool" in type:
                return self.value(BoolList(list(x)))
            return self.value(IntList([self.number(v) for v in x]))
        if isinstance(x, torch.dtype):
            return self.value(Int(SCALAR_TYPES[x]))
        return self.number(float(x) if type == "float" else x)

    def call(self, op, args):
        name, _, overload = op.partition(".")
        self.operators.append(Operator(name, overload))
        self.code.append(Instruction(KernelCall(len(self.operators) - 1, args)))

    def jump_false(self, condition, to):
        self.code.append(Instruction(JumpFalseCall(condition, to)))

    def move(self, source, to):
        self.code.append(Instruction(MoveCall(source, to)))

    def plan(self):
        chain = Chain([], [], self.code, None)
        structure, memory = ContainerMetadata("", ""), [0, self.bytes]
        return ExecutionPlan(self.name, structure, self.values, self.inputs, self.outputs, [chain], self.operators, [], memory)


def method_of(case, name, types):
    """The method and the tensors that it takes. `types`: of the arguments, as the schema has them."""
    m, leaves = Method(name), []
    args = [m.argument(a, types[i] if i < len(types) else "", case.input_orders.get(i), leaves) for i, a in enumerate(case.args)]
    if case.in_place:
        m.call(case.op, args + args[:1])
        m.outputs = args[:1]
        return m, leaves
    outs = []
    for k, wanted in enumerate(case.wanted):
        wanted = torch.zeros(2, 3) if wanted is None else wanted
        dtype = case.dtypes[k] if case.dtypes else wanted.dtype
        bounds = case.bounds[k] if case.bounds else None
        outs.append(m.tensor(dtype, bounds or wanted.shape, case.orders[k] if case.orders else None, bounded=bounds is not None))
    if case.listed:
        m.call(case.op, [*args, m.value(TensorList(outs)), m.value(TensorList(outs))])
    else:
        m.call(case.op, [*args, *outs, outs[0] if len(outs) == 1 else m.value(TensorList(outs))])
    m.outputs = outs
    return m, leaves


def program_of(methods):
    program = Program(0, [m.plan() for m in methods], [Buffer(b"")], [], [], SubsegmentOffsets(0, []))
    return bytes(serialize_pte_binary(PTEFile(program)))
