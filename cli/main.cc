// portfire: the command line.
#include <csignal>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/switches.h"
#include "kernels/isa.h"

int main(int argc, char** argv) {
  using namespace portfire::cli;
  const portfire::Result<Switches> environment = switches();
  if (!environment.ok()) return report(environment.error());
  if (const std::string& isa = environment->isa; !isa.empty())
    if (const portfire::Error e = portfire::limit_isa(isa)) return report(e.at("PORTFIRE_ISA"));
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of writing, not the end
  CLI::App app("portfire: compiles torch.export archives and runs them");
  app.require_subcommand(1);

  CompileCommand cc;
  CLI::App* c = app.add_subcommand("compile", "compile IN.pt2 to OUT.pte");
  c->add_option("input", cc.input, "IN.pt2, or a dump to go on from")->required();
  c->add_option("-o,--output", cc.output, "OUT.pte")->required();
  c->add_option("--method", cc.methods, "NAME=IN.pt2: another method of the same program");
  c->add_option("--weights", cc.weights, "IN.ptd or IN.safetensors: its tensors take the place of parameters and buffers of the same names");
  c->add_option("--data", cc.data, "WEIGHTS.ptd: what the program names and does not hold")->allow_extra_args(false);
  c->add_flag("--vjp", cc.vjp, "of the vector-Jacobian product: a seed for each floating output comes after the inputs, the gradients after the outputs");
  c->add_flag("--train", cc.train.train, "a training program: methods train_step, evaluate and forward on one set of weights");
  c->add_option("--loss", cc.train.loss, "cross_entropy, mse, l1, huber, bce_with_logits, nll, kl_div (means), or output:K of the model");
  c->add_option("--optimizer", cc.train.optimizer, "sgd, adam, adamw, rmsprop, adagrad, lion, or none: gradients are outputs");
  c->add_option("--trainable", cc.train.trainable, "GLOB of parameters that are trained; without it all are")->allow_extra_args(false);
  c->add_option("--hyper", cc.train.hyperparameters, "NAME=NUMBER: what a hyper-parameter of the optimizer begins as")->allow_extra_args(false);
  c->add_option("--group", cc.train.groups, "GLOB:NAME=NUMBER,...: other hyper-parameters, or lr_scale, for some parameters")->allow_extra_args(false);
  c->add_option("--lora", cc.train.lora, "GLOB of weights that get matrices of low rank beside them, which are trained")->allow_extra_args(false);
  c->add_option("--rank", cc.train.rank, "of those matrices");
  c->add_option("--alpha", cc.train.alpha, "they count alpha / rank times");
  c->add_option("--seed", cc.train.seed, "of what those matrices begin as");
  c->add_option("--clip-norm", cc.train.clip_norm, "the largest 2-norm of all gradients together");
  c->add_option("--accumulate", cc.train.accumulate, "how many calls of train_step make one step of the optimizer");
  c->add_option("--memory-limit", cc.train.memory_limit, "MiB that train_step may take, state and arena: activations are computed again to fit");
  c->add_option("--class-dim", cc.train.class_dim, "the dimension of the scores' classes; -1: the last");
  c->add_option("--prediction", cc.train.prediction, "which output the loss is of");
  c->add_option("--precision", cc.precision, "what products keep constant f32 weights in: f32, or bf16, which is less exact");
  c->add_option("--target", cc.target, "native or executorch");
  c->add_flag("--xnnpack", cc.xnnpack, "for ExecuTorch: what its XNNPACK backend takes is delegated to it");
  c->add_option("--dump", cc.dump, "write the graph after each pass into DIR");

  PassCommand pc;
  CLI::App* p = app.add_subcommand("pass", "run one pass of the compiler on a dump");
  p->add_option("pass", pc.pass, "its name")->required();
  p->add_option("input", pc.input, "the dump, or IN.pt2")->required();
  p->add_option("-o,--output", pc.output, "OUT.txt; without it the graph is printed");

  InspectCommand ic;
  CLI::App* i = app.add_subcommand("inspect", "say what FILE.pt2, .pte, .bpte, .ptd or .safetensors holds");
  i->add_option("file", ic.input, "the file")->required();
  i->add_flag("--full", ic.full, "of a .pte: instructions, delegates, memory over time, constants, segments");
  i->add_option("--html", ic.html, "OUT.html: of a .pte, everything as one page that needs nothing else");
  i->add_flag("--profile", ic.profile, "with --html: times of each instruction, on random inputs");
  i->add_option("--threads", ic.threads, "with --profile: threads to use; 0: one for each core")->check(CLI::Range(0, 64));
  i->add_option("--seconds", ic.seconds, "with --profile: how long to measure each method");
  i->add_option("--data", ic.data, "WEIGHTS.ptd: what the program names and does not hold")->allow_extra_args(false);

  ConvertCommand vc;
  CLI::App* v = app.add_subcommand("convert", "tensors of IN.ptd or IN.safetensors to OUT.safetensors or OUT.ptd");
  v->add_option("input", vc.input, "the file of tensors")->required();
  v->add_option("-o,--output", vc.output, "OUT.ptd or OUT.safetensors")->required();
  v->add_flag("--all", vc.all, "to safetensors: what a training keeps beside parameters and buffers too");

  std::string core_file;
  CLI::App* ops = app.add_subcommand("operators", "print docs/operators.md")->group("");
  ops->add_option("core", core_file, "the names of ATen's core operators")->required();

  RunOptions ro;
  CLI::App* r = app.add_subcommand("run", "run MODEL.pte on .npy inputs");
  r->add_option("model", ro.model, "MODEL.pte")->required();
  r->add_option("--method", ro.method, "which method");
  r->add_option("--data", ro.data, "WEIGHTS.ptd: what the program names and does not hold")->allow_extra_args(false);
  r->add_option("--input", ro.inputs, "an input, in order")->allow_extra_args(false);
  r->add_option("--output", ro.outputs, "where to write an output, in order")->allow_extra_args(false);
  r->add_option("--expect", ro.expects, "compare an output with this, in order")->allow_extra_args(false);
  r->add_option("--call", ro.calls, "x0.npy,x1.npy=y0.npy: one call of several, in order")->allow_extra_args(false)->delimiter('\0');
  r->add_option("--tolerance", ro.tolerance, "largest relative difference");
  r->add_option("--threads", ro.threads, "threads to use; 0: one for each core")->check(CLI::Range(0, 64));

  DiffCommand dc;
  CLI::App* d = app.add_subcommand("diff", "run A.pte and B.pte on the same inputs and name the first operator whose value differs");
  d->add_option("a", dc.a, "A.pte, what is expected")->required();
  d->add_option("b", dc.b, "B.pte")->required();
  d->add_option("--method", dc.method, "which method");
  d->add_option("--input", dc.inputs, "an input, in order; random ones where none is given")->allow_extra_args(false);
  d->add_option("--call", dc.calls, "x0.npy,x1.npy: one call of several, in order")->allow_extra_args(false)->delimiter('\0');
  d->add_option("--data", dc.data, "WEIGHTS.ptd: what the programs name and do not hold")->allow_extra_args(false);
  d->add_option("--tolerance", dc.tolerance, "largest relative difference");
  d->add_flag("--all", dc.all, "list all values that are the same in both, with their errors");
  d->add_option("--threads", dc.threads, "threads to use; 0: one for each core")->check(CLI::Range(0, 64));
  d->add_option("--memory", dc.memory_mib, "MiB of values to hold at a time; less makes more runs")->check(CLI::Range(1, 1 << 20));

  VerifyCommand yc;
  CLI::App* y = app.add_subcommand("verify", "run the test sets of MODEL.bpte and compare");
  y->add_option("model", yc.model, "MODEL.bpte")->required();
  y->add_option("--method", yc.method, "only this method's");
  y->add_option("--data", yc.data, "WEIGHTS.ptd: what the program names and does not hold")->allow_extra_args(false);
  y->add_option("--tolerance", yc.tolerance, "largest relative difference");
  y->add_option("--threads", yc.threads, "threads to use; 0: one for each core")->check(CLI::Range(0, 64));

  TrainCommand tc;
  CLI::App* t = app.add_subcommand("train", "train MODEL.train.pte on .npy arrays, whose rows are examples");
  t->add_option("model", tc.model, "MODEL.train.pte, from compile --train")->required();
  t->add_option("--data", tc.data, "an input of the model, in order")->allow_extra_args(false);
  t->add_option("--target", tc.target, "what its loss compares with");
  t->add_option("--validate", tc.validate, "x.npy,y.npy: evaluated after each epoch");
  t->add_option("--epochs", tc.epochs, "passes over the data, in all")->check(CLI::Range(0, 1000000000));
  t->add_option("--batch", tc.batch, "rows of a step; as the program was exported where it is not given");
  t->add_option("--lr", tc.rate, "RATE, cosine:RATE, linear:RATE or step:RATE, and ,warmup=STEPS ,end=RATE ,every=STEPS ,factor=F");
  t->add_option("--hyper", tc.hyperparameters, "NAME=NUMBER: a hyper-parameter of the optimizer")->allow_extra_args(false);
  t->add_option("--save", tc.save, "where to write a checkpoint (.ptd) at the end, or when interrupted");
  t->add_option("--save-every", tc.save_every, "and each so many steps");
  t->add_option("--resume", tc.resume, "a checkpoint to go on from");
  t->add_option("--log", tc.log, "a line of JSON for each step");
  t->add_option("--curve", tc.curve, "where to draw the losses, as SVG");
  t->add_option("--seed", tc.seed, "of the order of rows, and of dropout");
  t->add_flag("--in-order", tc.in_order, "takes rows as they come");
  t->add_option("--threads", tc.threads, "threads to use; 0: one for each core")->check(CLI::Range(0, 64));

  MergeCommand mc;
  CLI::App* m = app.add_subcommand("merge", "an inference program with the weights of a checkpoint");
  m->add_option("model", mc.model, "IN.pt2, or the training program")->required();
  m->add_option("checkpoint", mc.checkpoint, "CHECKPOINT.ptd")->required();
  m->add_option("-o,--output", mc.output, "OUT.pte")->required();
  m->add_option("--precision", mc.precision, "of a .pt2: as of compile");

  BenchOptions bo;
  CLI::App* b = app.add_subcommand("bench", "time MODEL.pte");
  b->add_option("model", bo.model, "MODEL.pte")->required();
  b->add_option("--method", bo.method, "which method");
  b->add_option("--data", bo.data, "WEIGHTS.ptd: what the program names and does not hold")->allow_extra_args(false);
  b->add_option("--input", bo.inputs, "an input, in order; random ones where none is given")->allow_extra_args(false);
  b->add_option("--threads", bo.threads, "threads to use; 0: one for each core")->check(CLI::Range(0, 64));
  b->add_option("--seconds", bo.seconds, "how long to measure");
  b->add_flag("--json", bo.json, "print one JSON object");

  ProfileOptions po;
  CLI::App* f = app.add_subcommand("profile", "time each instruction of MODEL.pte, against what this machine can do");
  f->add_option("model", po.model, "MODEL.pte")->required();
  f->add_option("--method", po.method, "which method");
  f->add_option("--data", po.data, "WEIGHTS.ptd: what the program names and does not hold")->allow_extra_args(false);
  f->add_option("--input", po.inputs, "an input, in order; random ones where none is given")->allow_extra_args(false);
  f->add_option("--threads", po.threads, "threads to use; 0: one for each core")->check(CLI::Range(0, 64));
  f->add_option("--seconds", po.seconds, "how long to measure");
  f->add_option("--trace", po.trace, "write each instruction of each run as trace events, for Perfetto");
  f->add_flag("--json", po.json, "print one JSON object");
  f->footer("roof: the time that an operator's arithmetic, or reading its operands from memory and writing its results, takes at\n"
            "the rates measured just before, by its time. Operands that lie in caches are faster: it may pass 100%.");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);  // help was asked for
    fmt::print(stderr, "portfire: arguments: {} (--help lists them)\n", e.what());
    return 2;
  }
  try {
    if (*c) return compile(cc, *environment);
    if (*p) return pass(pc);
    if (*i) return inspect(ic);
    if (*v) return convert(vc);
    if (*ops) return operators(core_file);
    if (*r) return run(ro, *environment);
    if (*y) return verify(yc);
    if (*f) return profile(po);
    if (*d) return diff(dc);
    if (*t) return train(tc);
    if (*m) return merge(mc, *environment);
    return bench(bo);
  } catch (const std::exception& e) {  // what a standard container throws on nonsense in a file
    return report(portfire::Error::make(portfire::Code::bad_file, "%s: inconsistent file (%s)", argv[1], e.what()));
  }
}
