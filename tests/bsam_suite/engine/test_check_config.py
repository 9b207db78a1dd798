"""Each typo in a config is named with its place and the right name; nothing right is refused."""

import copy
import functools
from pathlib import Path

import pytest
import torch
from mmengine.registry import MODELS

from bsam_suite.engine.check_config import check_config
from bsam_suite.engine.check_optim import check_optim_wrapper
from bsam_suite.engine.check_part import check_part
from bsam_suite.engine.config import load_config, merge_options
from bsam_suite.engine.curves import CurvesHook
from bsam_suite.errors import InputError
from bsam_suite.options import Typed

ROOT = Path(__file__).parents[3]

# The options as typed, and what the message names: the place and the nearest right name or remedy.
CLASSIFIER = """
model.type=ImageClasifier | model.type='ImageClasifier' 'ImageClassifier'
model.typ=X | model.typ 'type'
model.num_class=10 | model.num_class 'num_classes'
model.label_smoothin=0.1 | model.label_smoothin 'label_smoothing'
model.num_classes=ten | model.num_classes='ten' number
model.net.type=CIFARResNet81 | model.net.type='CIFARResNet81' 'CIFARResNet18'
model.net.widht=8 | model.net.widht 'width'
model=ImageClassifier | model='ImageClassifier' dict(type='ImageClassifier')
model.data_preprocessor.type=ImagePreprocesor | data_preprocessor.type 'ImagePreprocessor'
model.data_preprocessor.flp=True | data_preprocessor.flp 'flip'
train_dataloader.batchsize=8 | train_dataloader.batchsize 'batch_size'
train_dataloader.num_worker=0 | train_dataloader.num_worker 'num_workers'
train_dataloader.batch_size=0 | train_dataloader.batch_size=0 1
train_dataloader.batch_size=2.5 | train_dataloader.batch_size=2.5 whole
train_dataloader.batch_size=eight | train_dataloader.batch_size='eight' number
train_dataloader.num_workers=-1 | train_dataloader.num_workers=-1 0
train_dataloader.pin_memory=yes | train_dataloader.pin_memory='yes' True or False
train_dataloader.shuffel=True | train_dataloader.shuffel 'shuffle'
train_dataloader.sampler=DefaultSampler | train_dataloader.sampler='DefaultSampler' dict(type=
train_dataloader.sampler.type=DefaultSampeler | sampler.type 'DefaultSampler'
train_dataloader.sampler.shuffl=True | train_dataloader.sampler.shuffl 'shuffle'
train_dataloader.sampler.shuffle=no | train_dataloader.sampler.shuffle 'no' True or False
train_dataloader.sampler=None | train_dataloader has no sampler
train_dataloader.dataset=None | train_dataloader has no dataset
train_dataloader.dataset=Digits | train_dataloader.dataset='Digits' dict(type='Digits')
train_dataloader.dataset.rat=0.4 | train_dataloader.dataset.rat 'rate'
train_dataloader.dataset.type=LabelNois | train_dataloader.dataset.type 'LabelNoise'
train_dataloader.dataset.dataset.type=Digit | dataset.dataset.type 'Digits'
train_dataloader.dataset.dataset.spilt=val | dataset.dataset.spilt 'split'
train_dataloader.collate_fn.type=pseudo_colate | collate_fn.type 'pseudo_collate'
val_dataloader.batch_siz=8 | val_dataloader.batch_siz 'batch_size'
val_dataloader.dataset.typ=Digits | val_dataloader.dataset.typ 'type'
test_dataloader.dataset.type=Digist | test_dataloader.dataset.type 'Digits'
train_cfg.max_epoch=3 | train_cfg.max_epoch 'max_epochs'
train_cfg.max_epochs=0 | train_cfg.max_epochs=0 1
train_cfg.max_epochs=-3 | train_cfg.max_epochs=-3 1
train_cfg.max_epochs=three | train_cfg.max_epochs='three' number
train_cfg.max_epochs=[3] | train_cfg.max_epochs=[3] number
train_cfg.val_intervall=2 | train_cfg.val_intervall 'val_interval'
train_cfg.val_interval=0 | train_cfg.val_interval=0 1
train_cfg.by_epochs=True | train_cfg.by_epochs 'by_epoch'
train_cfg.type=EpochBasedTrainLop | train_cfg.type 'EpochBasedTrainLoop'
val_cfg.fp61=True | val_cfg.fp61 'fp16'
val_cfg.type=ValLop | val_cfg.type 'ValLoop'
test_cfg.fp16=maybe | test_cfg.fp16='maybe' True or False
val_evaluator.type=TopAcuracy | val_evaluator.type 'TopAccuracy'
val_evaluator.prefx=a | val_evaluator.prefx 'prefix'
val_evaluator=TopAccuracy | val_evaluator='TopAccuracy' dict(type=
test_evaluator.type=TopAccurac | test_evaluator.type 'TopAccuracy'
optim_wrapper.rh=0.1 | optim_wrapper.rh=0.1 'rho'
optim_wrapper.type=BSAMOptimWraper | optim_wrapper.type 'BSAMOptimWrapper'
optim_wrapper.type=bsamoptimwrapper | optim_wrapper.type 'BSAMOptimWrapper'
optim_wrapper.rho=-0.1 | rho=-0.1 >= 0
optim_wrapper.rho=big | optim_wrapper.rho='big' number
optim_wrapper.rho=nan | optim_wrapper.rho=nan finite
optim_wrapper.rho_min=inf | optim_wrapper.rho_min=inf finite
optim_wrapper.rho_min_follows_lr=no | optim_wrapper.rho_min_follows_lr='no' True or False
optim_wrapper.start=centre | start 'center'
optim_wrapper.rule=SAM | optim_wrapper.rule='SAM' dict(type='SAM')
optim_wrapper.accumulative_counts=1.5 | optim_wrapper.accumulative_counts=1.5 whole
optim_wrapper.accumulative_counts=0 | accumulative_counts
optim_wrapper.accumulative_count=2 | optim_wrapper.accumulative_count 'accumulative_counts'
optim_wrapper.dtype=fp16 | dtype='fp16' 'bfloat16'
optim_wrapper.perturbation=globl | perturbation='globl'
optim_wrapper.optimizer=SGD | optim_wrapper.optimizer='SGD' dict(type='SGD')
optim_wrapper.optimizer.type=SDG | optim_wrapper.optimizer.type='SDG' 'SGD'
optim_wrapper.optimizer.typ=SGD | optim_wrapper.optimizer.typ 'type'
optim_wrapper.optimizer.momentm=0.9 | optim_wrapper.optimizer.momentm 'momentum'
optim_wrapper.optimizer.weightdecay=0.1 | optim_wrapper.optimizer.weightdecay 'weight_decay'
optim_wrapper.optimizer.lr=nan | optim_wrapper.optimizer.lr=nan finite
optim_wrapper.optimizer.lr=inf | optim_wrapper.optimizer.lr=inf finite
optim_wrapper.optimizer.lr=-0.1 | optim_wrapper.optimizer (SGD) -0.1
optim_wrapper.optimizer.lr=fast | optim_wrapper.optimizer.lr='fast' number
optim_wrapper.optimizer.momentum=-1 | optim_wrapper.optimizer (SGD) -1
optim_wrapper.optimizer.nesterov=yes | optim_wrapper.optimizer.nesterov 'yes' True or False
optim_wrapper.clip_grad=1.0 | optim_wrapper.clip_grad=1.0 dict(max_norm=1.0)
optim_wrapper.clip_grad.maxnorm=1.0 | optim_wrapper.clip_grad.maxnorm 'max_norm'
optim_wrapper.clip_grad.max_norm=-1 | optim_wrapper.clip_grad.max_norm=-1 > 0
optim_wrapper.clip_grad.max_norm=0 | optim_wrapper.clip_grad.max_norm=0 > 0
optim_wrapper.clip_grad.max_norm=one | optim_wrapper.clip_grad.max_norm='one' number
optim_wrapper.clip_grad.type=nrom | optim_wrapper.clip_grad.type='nrom' 'norm'
optim_wrapper.paramwise_cfg.norm_decay_mul=0 | paramwise_cfg.norm_decay_mul 'norm_decay_mult'
optim_wrapper.paramwise_cfg.bias_decay=0 | paramwise_cfg.bias_decay 'bias_decay_mult'
optim_wrapper.paramwise_cfg.bias_lr_mult=two | paramwise_cfg.bias_lr_mult='two' number
optim_wrapper.paramwise_cfg.norm_decay_mult=-1 | paramwise_cfg.norm_decay_mult=-1 >= 0
optim_wrapper.paramwise_cfg.custom_key.head.lr_mult=2 | paramwise_cfg.custom_key 'custom_keys'
optim_wrapper.paramwise_cfg.custom_keys.head.lr_mul=2 | custom_keys.head.lr_mul 'lr_mult'
optim_wrapper.paramwise_cfg.custom_keys.head.rho_mn=0 | custom_keys.head.rho_mn 'rho_min'
optim_wrapper.constructor=Defalt | optim_wrapper.constructor='Defalt'
param_scheduler.0.type=CosineAnealingLR | param_scheduler.0.type 'CosineAnnealingLR'
param_scheduler.0.eta_mn=0.1 | param_scheduler.0.eta_mn 'eta_min'
param_scheduler.0.convert_to_iterbased=True | convert_to_iterbased 'convert_to_iter_based'
param_scheduler.0.end=-2 | param_scheduler.0 (CosineAnnealingLR) end
param_scheduler.0.end=ten | param_scheduler.0.end='ten' number
param_scheduler.0.begin=nan | param_scheduler.0.begin=nan finite
param_scheduler.7.end=3 | param_scheduler.7.end list
param_scheduler=CosineAnnealingLR | param_scheduler='CosineAnnealingLR' dict(type=
default_hooks.chekpoint.interval=2 | default_hooks.chekpoint 'checkpoint'
default_hooks.checkpoint.intervall=2 | default_hooks.checkpoint.intervall 'interval'
default_hooks.checkpoint.interval=0 | default_hooks.checkpoint.interval=0 -1
default_hooks.checkpoint.interval=inf | default_hooks.checkpoint.interval=inf -1
train_cfg.max_epochs=nan | train_cfg.max_epochs=nan 1
default_hooks.checkpoint.interval=often | default_hooks.checkpoint.interval='often' number
default_hooks.checkpoint.max_keep_ckpt=2 | default_hooks.checkpoint.max_keep_ckpt 'max_keep_ckpts'
default_hooks.checkpoint.save_last=nope | default_hooks.checkpoint.save_last 'nope' True or False
default_hooks.checkpoint.type=ChekpointHook | default_hooks.checkpoint.type 'CheckpointHook'
default_hooks.logger.interval=0 | default_hooks.logger.interval=0 -1
default_hooks.logger.intervl=5 | default_hooks.logger.intervl 'interval'
default_hooks.timer.type=IterTimeHook | default_hooks.timer.type 'IterTimerHook'
custom_hooks.0.type=CurveHook | custom_hooks.0.type 'CurvesHook'
custom_hooks.1.metrik=accuracy | custom_hooks.1.metrik 'metric'
custom_hooks.3.type=EMAHook | custom_hooks.3.type list
custom_hooks=CurvesHook | custom_hooks='CurvesHook' list
visualizer.type=Visualiser | visualizer.type 'Visualizer'
visualizer.vis_backend=[] | visualizer.vis_backend 'vis_backends'
visualizer.vis_backends.0.type=LocalVisBackEnd2 | vis_backends.0.type 'LocalVisBackend'
log_processor.window_sise=10 | log_processor.window_sise 'window_size'
log_processor.window_size=0 | log_processor.window_size=0 1
log_processor.by_epoch=sure | log_processor.by_epoch='sure' True or False
randomness.sed=1 | randomness.sed 'seed'
randomness.deterministic=no | randomness.deterministic='no' True or False
env_cfg.cudnn_bench=True | env_cfg.cudnn_bench 'cudnn_benchmark'
auto_scale_lr.base_batch=16 | auto_scale_lr.base_batch 'base_batch_size'
auto_scale_lr.base_batch_size=0 | auto_scale_lr.base_batch_size=0 1
default_scope=mmengin | default_scope='mmengin' 'mmengine'
model.net.width.x=1 | model.net.width has no field
optim_wraper.rho=1 | optim_wraper 'optim_wrapper'
val_evaluators.type=X | val_evaluators 'val_evaluator'
load_form=x | load_form 'load_from'
train_cfg.by_epoch=perhaps | train_cfg.by_epoch 'perhaps' True
param_scheduler.0.convert_to_iter_based=perhaps | convert_to_iter_based 'perhaps' True
optim_wrapper.paramwise_cfg.bypass_duplicate=no | bypass_duplicate='no' True
auto_scale_lr.base_batch_size=big | auto_scale_lr.base_batch_size='big' number
env_cfg.mp_cfg.opencv_num_thread=1 | env_cfg.mp_cfg.opencv_num_thread 'opencv_num_threads'
train_cfg=5 | train_cfg=5 dict
default_hooks=5 | default_hooks=5 dict
custom_hooks.1=CurvesHook | custom_hooks.1='CurvesHook' dict(type='CurvesHook')
optim_wrapper.optimizer=None | optim_wrapper.optimizer=None dict
model.type=.X | model.type='.X'
model.type=None | model type
optim_wrapper.optimizer.type=torch.optim.SDG | optim_wrapper.optimizer.type='torch.optim.SDG'
env_cfg.dist_cfg=nccl | env_cfg.dist_cfg='nccl' dict
"""

POSE = """
model.type=TopdownPoseEstimater | model.type 'TopdownPoseEstimator'
model.backbon.type=X | model.backbon 'backbone'
model.backbone.type=SmalHRNet | model.backbone.type 'SmallHRNet'
model.backbone.in_channel=3 | model.backbone.in_channel 'in_channels'
model.backbone.norm_eval=no | model.backbone.norm_eval 'no' True or False
model.backbone.extra.stage1.num_block=1 | extra.stage1 'num_block' 'num_blocks'
model.head.type=HeatmapHed | model.head.type 'HeatmapHead'
model.head.out_channel=17 | model.head.out_channel 'out_channels'
model.head.in_channels=many | model.head.in_channels='many'
model.head.loss.type=KeypointMSELos | model.head.loss.type 'KeypointMSELoss'
model.head.loss.use_target_wieght=True | model.head.loss.use_target_wieght 'use_target_weight'
model.head.decoder.type=UDPHeatmp | model.head.decoder.type 'UDPHeatmap'
model.head.decoder.sigm=2 | model.head.decoder.sigm 'sigma'
model.data_preprocessor.bgr_to_rbg=True | data_preprocessor.bgr_to_rbg 'bgr_to_rgb'
train_dataloader.dataset.type=CocoDatset | train_dataloader.dataset.type 'CocoDataset'
train_dataloader.dataset.annfile=a.json | train_dataloader.dataset.annfile 'ann_file'
train_dataloader.dataset.data_prefix.imgs=x | data_prefix 'imgs' 'img'
train_dataloader.dataset.pipeline.0.type=LoadImag | pipeline.0.type 'LoadImage'
train_dataloader.dataset.pipeline.1.paddin=1.2 | pipeline.1.paddin 'padding'
train_dataloader.dataset.pipeline.1.padding=wide | pipeline.1.padding='wide' number
train_dataloader.dataset.pipeline.3.rotate_facter=8 | pipeline.3.rotate_facter 'rotate_factor'
train_dataloader.dataset.pipeline.5.encoder.sigmma=1 | encoder.sigmma 'sigma'
train_dataloader.collate_fn.type=pose_colate | train_dataloader.collate_fn.type 'pose_collate'
val_dataloader.dataset.bbox_fil=x | val_dataloader.dataset.bbox_fil 'bbox_file'
val_evaluator.type=CocoMetrik | val_evaluator.type 'CocoMetric'
val_evaluator.annfile=x | val_evaluator.annfile 'ann_file'
val_evaluator.nms_thr=strict | val_evaluator.nms_thr='strict' number
custom_hooks.1.type=ContactSheetHok | custom_hooks.1.type 'ContactSheetHook'
default_hooks.visualization.enabel=True | default_hooks.visualization.enabel 'enable'
visualizer.type=PoseLocalVisualiser | visualizer.type 'PoseLocalVisualizer'
visualizer.radios=3 | visualizer.radios 'radius'
model.test_cfg.flip_tes=False | model.test_cfg 'flip_tes' 'flip_test'
model.test_cfg.flip_test=never | model.test_cfg.flip_test 'never' True
people.trian=10 | people 'trian' 'train'
default_scope=mmpos | default_scope='mmpos' 'mmpose'
param_scheduler.1.T_mx=5 | param_scheduler.1.T_mx 'T_max'
"""

QUANTIZED = """
model.type=Quantised | model.type 'Quantized'
model.chekpoint=x | model.chekpoint 'checkpoint'
model.quantisation.skip=[] | model.quantisation 'quantization'
model.quantization.weigth.bit_width=4 | quantization 'weigth' 'weight'
model.quantization.first_last_bit=8 | quantization 'first_last_bit' 'first_last_bit_width'
model.quantization.weight.type=LSQQ | quantization.weight.type 'LSQ'
model.quantization.weight.bitwidth=4 | quantization.weight.bitwidth 'bit_width'
model.quantization.weight.perchannel=True | quantization.weight.perchannel 'per_channel'
model.quantization.weight.bit_width=four | quantization.weight.bit_width='four' number
model.quantization.fold_batch_norm=no | model.quantization.fold_batch_norm 'no' True or False
model.model.num_clases=10 | model.model.num_clases 'num_classes'
custom_hooks.1.type=CalibrationHok | custom_hooks.1.type 'CalibrationHook'
custom_hooks.2.batchs=2 | custom_hooks.2.batchs 'batches'
"""

CONFIGS = {
    "classification/resnet18_bsam": CLASSIFIER,
    "pose/hrnet-tiny_bsam_people-128x96": POSE,
    "quantization/resnet18_w4a4_bsam": QUANTIZED,
}
CASES = [
    (config, *line.split(" | "))
    for config, table in CONFIGS.items()
    for line in table.strip().splitlines()
]


@functools.cache
def load(config):
    return load_config(str(ROOT / f"configs/{config}.py"))


def check(config, **options):
    typed = {name: Typed(value) for name, value in options.items()}
    cfg = copy.deepcopy(load(config))
    merge_options(cfg, typed)
    check_optim_wrapper(cfg)
    check_config(cfg)


@pytest.mark.parametrize(("config", "option", "words"), CASES, ids=[case[1] for case in CASES])
def test_a_typo_is_named(config, option, words):
    name, _, value = option.partition("=")
    with pytest.raises(InputError) as caught:
        check(config, **{name: value})
    message = str(caught.value)
    assert "\n" not in message
    assert not [word for word in words.split() if word not in message], message


FILE = """
classifier | custom_hook = [dict(type="CurvesHook", metric="accuracy")] | custom_hook 'custom_hooks'
classifier | defaul_scope = "mmengine" | defaul_scope 'default_scope'
classifier | train_dataloader = dict(dataset=dict(dataset=dict(sed=1))) | dataset.dataset.sed
pose | model = dict(test_cfg=dict(flip_tets=False)) | model.test_cfg.flip_tets 'flip_test'
pose | optim_wrapper = dict(rule="SAM") | optim_wrapper.rule='SAM' dict(type='SAM')
pose | optim_wrapper = {SHARP, "rule": dict(type="Sam")} | optim_wrapper.rule.type='Sam' 'SAM'
pose | optim_wrapper = {SHARP, "rule": dict(type="SAM", rh=1)} | optim_wrapper.rule.rh 'rho'
quantized | model = dict(quantization=dict(activations=dict())) | 'activations' 'activation'
"""
SHARP = '"_delete_": True, "type": "SharpnessOptimWrapper", "optimizer": dict(type="SGD", lr=1)'
FILES = [line.split(" | ") for line in FILE.replace("SHARP", SHARP).strip().splitlines()]


@pytest.mark.parametrize(("base", "text", "words"), FILES)
def test_a_typo_in_a_file_that_inherits_is_named(tmp_path, base, text, words):
    base = dict(zip(("classifier", "pose", "quantized"), CONFIGS))[base]
    file = tmp_path / "mine.py"
    file.write_text(f"_base_ = {str(ROOT / f'configs/{base}.py')!r}\n{text}\n")
    cfg = load_config(str(file))
    with pytest.raises(InputError) as caught:
        check_optim_wrapper(cfg)
        check_config(cfg)
    assert not [word for word in words.split() if word not in str(caught.value)], caught.value


@pytest.mark.parametrize("config", CONFIGS)
def test_what_is_right_passes(config):
    check(config)


def test_right_values_of_other_kinds_pass():
    options = {
        "optim_wrapper.clip_grad": dict(max_norm=1, norm_type=float("inf")),
        "optim_wrapper.accumulative_counts": 2,
        "optim_wrapper.paramwise_cfg": dict(
            norm_decay_mult=0.0, custom_keys={".bn": dict(lr_mult=0, rho=0.0, momentum=0.5)}
        ),
        "default_hooks.checkpoint": dict(
            type="CheckpointHook", interval=-1, save_best="auto", priority="LOW"
        ),
        "default_hooks.mine": dict(type="EmptyCacheHook"),
        "default_hooks.timer": None,
        "val_evaluator": dict(metrics=[dict(type="TopAccuracy"), dict(type="DumpResults")]),
        "custom_hooks": [dict(type="EMAHook", momentum=0.01), dict(type=CurvesHook, metric="a")],
        "train_cfg": dict(_delete_=True, type="IterBasedTrainLoop", max_iters=3, val_interval=2),
        "train_dataloader.num_batch_per_epoch": 2,
        "train_dataloader.dataset": dict(
            _delete_=True, type="RepeatDataset", times=2, dataset=dict(type="Digits", split="train")
        ),
        "extra_loader": dict(anything=1),
    }
    cfg = copy.deepcopy(load("classification/resnet18_bsam"))
    options["val_evaluator"]["metrics"][1]["out_file_path"] = "x.pkl"
    cfg.extra_loader = {}
    cfg.merge_from_dict(options)
    for part in (cfg.train_cfg, cfg.train_dataloader.dataset):
        part.pop("_delete_", None)
    cfg.train_dataloader.dataset.pop("rate", None)
    cfg.train_cfg.pop("by_epoch", None)
    cfg.train_cfg.pop("max_epochs", None)
    cfg.val_evaluator.pop("type", None)
    check_optim_wrapper(cfg)
    check_config(cfg)


class MixUp:  # like RTMDet's, which takes a colour
    def __init__(self, pad_val: float = 114.0):
        pass


class ClassLoss:
    def __init__(self, class_weight=None):
        pass


class Head:  # like DETR's, which takes a field out of the loss's config before it builds that
    def __init__(self, loss_cls, mix_up=None):
        self.weight = loss_cls.get("bg_cls_weight", 1.0)


def test_parts_are_as_lax_as_their_libraries_use_them():
    def check_head(**fields):
        loss = dict(type=ClassLoss, **fields)
        mix_up = dict(type=MixUp, pad_val=(114, 114, 114))
        check_part(dict(type=Head, loss_cls=loss, mix_up=mix_up), MODELS, "head", None)

    check_head(bg_cls_weight=0.1, class_weight=1.0)
    with pytest.raises(InputError, match="head.loss_cls.bgcls_weight=0.1: ClassLoss takes no"):
        check_head(bgcls_weight=0.1)
    with pytest.raises(InputError, match="mix_up.pad_val='grey': give a number"):
        check_part(dict(type=MixUp, pad_val="grey"), MODELS, "mix_up", None)


def test_an_optimizer_is_built_before_data_is_touched():
    """The bound is PyTorch's own: Adam's betas must be below 1."""
    cfg = copy.deepcopy(load("pose/hrnet-tiny_bsam_people-128x96"))
    cfg.optim_wrapper.optimizer.betas = (0.9, 1.5)
    with pytest.raises(ValueError, match="1.5") as theirs:
        torch.optim.Adam([torch.zeros(1, requires_grad=True)], betas=(0.9, 1.5))
    with pytest.raises(InputError) as ours:
        check_optim_wrapper(cfg)
    assert "optim_wrapper.optimizer (Adam)" in str(ours.value)
    assert str(theirs.value) in str(ours.value)
