"""Room 1, plan: profile, stacks, scenarios and schedule, checked before anything is started."""
