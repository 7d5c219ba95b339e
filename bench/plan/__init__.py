"""Room 1, plan: profile, stacks, scenarios and schedule, all checked before anything is started."""
