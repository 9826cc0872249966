"""Every action of the contract, and how often a second it may be called."""

TENCENT = {
    500: {"CreateLiveRecord"},
    300: {"DescribeLiveStreamState"},
    20: {"CreateRecordTask", "StopRecordTask", "DeleteRecordTask", "DescribeRecordTask"},
    100: {
        "DescribeLiveStreamOnlineList",
        "DropLiveStream",
        "DescribeCallbackRecordsList",
        "SearchMedia",
        "DescribeMediaInfos",
    },
    200: {
        "StopLiveRecord",
        "DeleteLiveRecord",
        "DescribeConcurrentRecordStreamNum",
        *(f"{verb}LiveRecordRule" for verb in ("Create", "Delete")),
        *(f"{verb}LiveCallbackRule" for verb in ("Create", "Delete")),
        *(f"{verb}LiveRecordTemplate" for verb in ("Create", "Modify", "Delete", "Describe")),
        *(f"{verb}LiveCallbackTemplate" for verb in ("Create", "Modify", "Delete", "Describe")),
        "DescribeLiveRecordRules",
        "DescribeLiveCallbackRules",
        "DescribeLiveRecordTemplates",
        "DescribeLiveCallbackTemplates",
    },
}

ALIYUN = {
    50: {
        "RealTimeRecordCommand",
        "DescribeLiveStreamRecordContent",
        "DescribeLiveStreamRecordIndexFiles",
        "DescribeLiveRecordNotifyConfig",
        "DescribeLiveRecordNotifyRecords",
    },
    45: {"CreateLiveStreamRecordIndexFiles"},
    30: {
        *(f"{verb}LiveAppRecordConfig" for verb in ("Add", "Update", "Delete")),
        *(f"{verb}LiveRecordNotifyConfig" for verb in ("Add", "Update", "Delete")),
        "DescribeLiveRecordConfig",
    },
}
