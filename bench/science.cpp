#include <torch/types.h>
#include <ATen/Parallel.h>
#include <malloc.h>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include "common/error.h"
#include "common/parallel.h"
#include "datasets/synthetic/source.h"
#include "models/pretrain.h"
#include "probes/finetune.h"
using namespace permafrost;
struct Concat : ClipSource {
  std::unique_ptr<ClipSource> a,b;
  std::int64_t size() const override {return a->size()+b->size();}
  int label(std::int64_t i) const override {return i<a->size()?a->label(i):b->label(i-a->size());}
  std::string name(std::int64_t i) const override {return i<a->size()?a->name(i):b->name(i-a->size());}
  Sample read(std::int64_t i,int p,int q) const override {return i<a->size()?a->read(i,p,q):b->read(i-a->size(),p,q);}
  std::string identity() const override {return "";}
};
int main(int argc,char**argv){
  mallopt(M_MMAP_THRESHOLD,1<<30); mallopt(M_TRIM_THRESHOLD,2000<<20); mallopt(M_TOP_PAD, 64<<20);
  at::set_num_threads(1);
  int threads=getenv("T")?atoi(getenv("T")):2;
  try{
  std::string cmd=argv[1];
  if(cmd=="pretrain"){ Json j=read_json(argv[2]); for(int i=4;i<argc;++i) set_json(j,argv[i]); auto c=read_pretrain_config(j,argv[2]); PretrainOptions o; o.out=argv[3]; o.threads=threads; auto r=pretrain(c,j,o); printf("%.1f clips/s loss %.4f\n",r.clips_per_second,r.loss); return 0;}
  // probe ENC TASK ntrain ntest epochs   | sup TASK ntrain ntest epochs lr
  Json spec=Json::object(); if(getenv("SPEC")) spec=Json::parse(getenv("SPEC"));
  EncoderSpec s=read_encoder_spec(spec,"SPEC");
  std::string task=argv[3]; std::int64_t ntr=atoi(argv[4]), nte=atoi(argv[5]);
  Encoder e=std::string(argv[2])=="random"?random_encoder(s,1):load_encoder_file(argv[2]);
  Concat src; auto t=synthetic::task_named(task,"task");
  src.a=std::make_unique<synthetic::TaskSource>(t,synthetic::Split::train,ntr,e.spec.clip_shape());
  src.b=std::make_unique<synthetic::TaskSource>(t,synthetic::Split::test,nte,e.spec.clip_shape());
  Fold f; for(int i=0;i<ntr;++i)f.train.push_back(i); for(int i=0;i<nte;++i)f.test.push_back(ntr+i);
  std::vector<std::int64_t> groups; for(int i=0;i<ntr+nte;++i)groups.push_back(i);
  auto acc=[&](const std::vector<int>&p){int k=0;for(size_t i=0;i<p.size();++i)k+=p[i]==src.label(f.test[i]);return 100.0*k/p.size();};
  if(cmd=="probe"){ Progress p("encode",ntr+nte,"clips",true); auto t0=std::chrono::steady_clock::now(); auto x=encode_source(e,src,1,threads,&p);
    double te=std::chrono::duration<double>(std::chrono::steady_clock::now()-t0).count();
    ProbeProtocol q; q.epochs=atoi(argv[6]); q.learning_rates={3e-4,1e-3,3e-3,1e-2}; q.heads=e.spec.heads; if(getenv("POOL"))q.head=HeadKind::mean_pool;
    auto o=train_probe(x,groups,f,8,q,1); printf("%s %s: %.1f  (encode %.1fs train %.1fs) held out",argv[2],task.c_str(),acc(o.predictions),te,o.train_seconds); for(double v:o.held_out_accuracy)printf(" %.3f",v); printf("\n"); }
  if(cmd=="sup"){ FinetuneProtocol q; q.epochs=atoi(argv[6]); q.learning_rate=atof(argv[7]); q.layer_decay=argc>8?atof(argv[8]):1.0; q.heads=e.spec.heads;
    Progress p("sup "+task,ntr*q.epochs,"clips"); auto o=finetune(e,src,f,8,q,1,threads,&p); printf("%s sup %s lr %s: %.1f (%.1fs) losses",argv[2],task.c_str(),argv[7],acc(o.predictions),o.train_seconds); for(double v:o.epoch_losses)printf(" %.3f",v); printf("\n"); }
  }catch(const Error&e){fprintf(stderr,"%s\n",e.what());return e.exit_status();}
}
