"""Answers of a language model as texts, alone and in lists."""

import whet.track as swanlab

swanlab.init(project="texts")
answers = ["I am a model.", "An answer\nin two lines.", "模型的回答"]
for step, answer in enumerate(answers):
    swanlab.log({"prediction": swanlab.Text(answer, caption=f"question {step}")}, step=step)
swanlab.log({"all": [swanlab.Text(answer) for answer in answers]})
swanlab.finish()
