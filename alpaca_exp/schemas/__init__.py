"""The schema of an experiment: one dataclass a config group, every field documented.

Each field says whether it is part of an artifact's identity or only of where and how it runs:
a change of an `identity` field makes a new artifact, a change of a `runtime` field does not.
A field of type `Path` is a file: it enters the identity by its content, never by its name.
Plain dataclasses, since OmegaConf takes no frozen ones; nobody writes to them after `config.load`.
"""

from alpaca_exp.schemas.asked import (
    BaseModelTeacherConfig,
    CriticConfig,
    Endpoint,
    EndpointConfig,
    LanguageModelConfig,
    LocalTeacherConfig,
    MiniatureCriticConfig,
    MiniatureTeacherConfig,
    NoCriticConfig,
    OpenAICriticConfig,
    OpenAITeacherConfig,
    RecordedTeacherConfig,
    SimilarityRecord,
    TeacherConfig,
    TransformersTeacherConfig,
)
from alpaca_exp.schemas.experiment import (
    Action,
    ExperimentConfig,
    LoggerConfig,
    RuntimeConfig,
)
from alpaca_exp.schemas.fields import (
    identity,
    identity_by_content,
    runtime,
)
from alpaca_exp.schemas.measured import (
    EvalSuiteConfig,
    FileQuestionsConfig,
    JudgeConfig,
    MiniatureJudgeConfig,
    NoJudgeConfig,
    OpenAIJudgeConfig,
    QuestionsConfig,
    WorldQuestionsConfig,
    WorldSuiteConfig,
)
from alpaca_exp.schemas.protocols import (
    Protocol,
    ProtocolConfig,
)
from alpaca_exp.schemas.tuned import (
    BaseModelConfig,
    FileModelConfig,
    PretrainedModelConfig,
    ScratchModelConfig,
    WorldModelConfig,
)
from alpaca_exp.schemas.tuning import (
    Answers,
    DatasetVariantConfig,
    Frame,
    NoDatasetConfig,
    NoTrainerConfig,
    TrainerConfig,
)
from alpaca_exp.schemas.world import (
    WorldConfig,
)

__all__ = [
    "Action",
    "Answers",
    "BaseModelConfig",
    "BaseModelTeacherConfig",
    "CriticConfig",
    "DatasetVariantConfig",
    "Endpoint",
    "EndpointConfig",
    "EvalSuiteConfig",
    "ExperimentConfig",
    "FileModelConfig",
    "FileQuestionsConfig",
    "Frame",
    "JudgeConfig",
    "LanguageModelConfig",
    "LocalTeacherConfig",
    "LoggerConfig",
    "MiniatureCriticConfig",
    "MiniatureJudgeConfig",
    "MiniatureTeacherConfig",
    "NoCriticConfig",
    "NoDatasetConfig",
    "NoJudgeConfig",
    "NoTrainerConfig",
    "OpenAICriticConfig",
    "OpenAIJudgeConfig",
    "OpenAITeacherConfig",
    "PretrainedModelConfig",
    "Protocol",
    "ProtocolConfig",
    "QuestionsConfig",
    "RecordedTeacherConfig",
    "RuntimeConfig",
    "ScratchModelConfig",
    "SimilarityRecord",
    "TeacherConfig",
    "TrainerConfig",
    "TransformersTeacherConfig",
    "WorldConfig",
    "WorldModelConfig",
    "WorldQuestionsConfig",
    "WorldSuiteConfig",
    "identity",
    "identity_by_content",
    "runtime",
]
