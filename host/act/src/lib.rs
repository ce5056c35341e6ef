//! Stage 4: a plan into outcomes, through oom_score_adj and pidfds
