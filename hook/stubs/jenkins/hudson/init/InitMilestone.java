package hudson.init;

public enum InitMilestone {
    STARTED,
    JOB_LOADED,
    JOB_CONFIG_ADAPTED,
    COMPLETED
}
